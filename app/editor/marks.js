// The lines that caused the selected step.
import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView } from "@codemirror/view";

const setMark = StateEffect.define();
const line = Decoration.line({ class: "cm-marked" });

export const marks = StateField.define({
  create: () => Decoration.none,
  update(marked, transaction) {
    for (const effect of transaction.effects) if (effect.is(setMark)) return effect.value;
    // Whoever types has gone on to something else.
    return transaction.docChanged ? Decoration.none : marked;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Lights lines `from` to `to` and brings the first into sight; 0 lights none. */
export const markLines = (view, from, to) => {
  const { doc } = view.state;
  if (from < 1 || from > doc.lines) {
    if (view.state.field(marks) !== Decoration.none) view.dispatch({ effects: setMark.of(Decoration.none) });
    return;
  }
  const lit = [];
  for (let number = from; number <= Math.min(Math.max(from, to), doc.lines); number += 1) {
    lit.push(line.range(doc.line(number).from));
  }
  const sight = EditorView.scrollIntoView(doc.line(from).from, { y: "nearest", yMargin: 60 });
  view.dispatch({ effects: [setMark.of(Decoration.set(lit)), sight] });
};

// What the engine finds wrong: underlined, told where the caret or the pointer is, and mended with one key or click.
import { forEachDiagnostic, setDiagnostics } from "@codemirror/lint";
import { EditorView } from "@codemirror/view";
import { card, pin } from "./cards.js";
import { spanOf } from "./places.js";

const applyFix = (view, from, to, insert) => {
  if (view.state.readOnly) return;
  view.dispatch({ changes: { from, to, insert }, userEvent: "input.fix", selection: { anchor: from + insert.length } });
  view.focus();
};

/** Replaces the diagnostics of the shown document. */
export const showDiagnostics = (view, list) => {
  const { doc } = view.state;
  const shown = list.map(({ severity, message, hint, fix, ...range }) => {
    let { from, to } = spanOf(doc, range);
    // What is missing has no length: the character before it is underlined.
    if (from === to && from > doc.lineAt(from).from) from -= 1;
    else if (from === to) to = Math.min(from + 1, doc.length);
    // Where the fix belongs, told by how far it lies from the underlined token, which moves while one types.
    const place = fix && spanOf(doc, fix);
    const apply = (view, now) => applyFix(view, place.from - from + now, place.to - from + now, fix.text);
    return {
      from,
      to,
      severity,
      message,
      renderMessage: () => card("", message, hint),
      actions: fix ? [{ name: fix.text === "" ? "Remove" : `Replace by ${short(fix.text)}`, apply }] : [],
    };
  });
  view.dispatch(setDiagnostics(view.state, shown));
};

const short = (text) => (text.length > 30 ? `${text.slice(0, 29)}…` : text);

const all = (state) => {
  const found = [];
  forEachDiagnostic(state, (diagnostic, from, to) => found.push({ diagnostic, from, to }));
  return found.sort((one, other) => one.from - other.from || one.to - other.to);
};

/** Goes to the next problem (`by` 1) or the one before (-1), around the ends, and tells it there. */
const go = (by) => (view) => {
  const found = all(view.state);
  if (found.length === 0) {
    view.dispatch({ effects: EditorView.announce.of("No problems") });
    return true;
  }
  const { from, to } = view.state.selection.main;
  const after = by > 0 ? found.find((one) => one.from > from || (one.from === from && one.to > to)) : undefined;
  const before = by < 0 ? found.findLast((one) => one.from < from) : undefined;
  const next = after ?? before ?? (by > 0 ? found[0] : found.at(-1));
  view.dispatch({
    selection: { anchor: next.from, head: next.to },
    effects: [
      EditorView.scrollIntoView(next.from, { y: "center" }),
      EditorView.announce.of(`${next.diagnostic.severity}: ${next.diagnostic.message}`),
      pin.of({ pos: next.from, end: next.to, dom: () => told(view, next) }),
    ],
  });
  return true;
};

const told = (view, { diagnostic, from, to }) => {
  const dom = diagnostic.renderMessage(view);
  for (const action of diagnostic.actions) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "cm-diagnosticAction";
    button.textContent = action.name;
    button.onclick = () => action.apply(view, from, to);
    dom.append(button);
  }
  return dom;
};

/** Applies the fix of the problem at the caret. */
const mend = (view) => {
  const { head } = view.state.selection.main;
  const here = all(view.state).find((one) => one.from <= head && head <= one.to && one.diagnostic.actions.length > 0);
  here?.diagnostic.actions[0].apply(view, here.from, here.to);
  return Boolean(here);
};

export const problemKeys = [
  { key: "F8", run: go(1), shift: go(-1), preventDefault: true },
  { key: "Mod-.", run: mend },
];

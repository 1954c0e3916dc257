// Small texts beside the code: of hovering, and pinned at the caret until it moves.
import { StateEffect, StateField } from "@codemirror/state";
import { showTooltip } from "@codemirror/view";

/** A title, a text in which each line is a paragraph, and a last line of advice; what is empty is left out. */
export const card = (title, text, advice) => {
  const dom = document.createElement("div");
  dom.className = "cm-card";
  const add = (tag, name, words) => {
    if (!words) return;
    const part = document.createElement(tag);
    part.className = name;
    part.textContent = words;
    dom.append(part);
  };
  add("b", "cm-card-title", title);
  for (const line of text.split("\n")) add("p", "", line);
  add("p", "cm-card-hint", advice);
  return dom;
};

/** Shows { pos, end, dom } until the caret moves or the text changes; null takes it away. */
export const pin = StateEffect.define();

export const pinned = StateField.define({
  create: () => null,
  update(shown, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(pin)) return effect.value && { ...effect.value, above: false, create: () => ({ dom: effect.value.dom() }) };
    }
    return transaction.docChanged || transaction.selection ? null : shown;
  },
  provide: (field) => showTooltip.from(field),
});

/** Takes a pinned card away; false if there was none. */
export const unpin = (view) => {
  if (!view.state.field(pinned)) return false;
  view.dispatch({ effects: pin.of(null) });
  return true;
};

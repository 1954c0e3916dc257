// Completion and documentation: the engine knows what may stand at a place.
import { autocompletion, closeCompletion, completionKeymap, selectedCompletion, startCompletion } from "@codemirror/autocomplete";
import { Prec } from "@codemirror/state";
import { EditorView, hoverTooltip, keymap } from "@codemirror/view";
import { card, pin } from "./cards.js";
import { offsetAt, placeAt } from "./places.js";

const TYPES = { key: "property", value: "enum", name: "variable", snippet: "text" };

const source = (hooks, nameOf) => async (context) => {
  const { state, pos } = context;
  if (state.readOnly) return null;
  const { from, text } = state.doc.lineAt(pos);
  const before = text.slice(0, pos - from);
  // Unasked, only where a word is being written, or a value is due.
  if (!context.explicit && !/[\w./"'-]$|: $/.test(before)) return null;
  const { line, column } = placeAt(state.doc, pos);
  const found = await hooks.complete(nameOf(), line, column);
  if (!found || context.aborted || found.items.length === 0) return null;
  const start = offsetAt(state.doc, found.line, found.from);
  if (start > pos) return null;
  return {
    from: start,
    to: Math.max(pos, offsetAt(state.doc, found.line, found.to)),
    // Typing on only narrows what is offered.
    validFor: /^[\w./:-]*$/,
    options: found.items.map((item, at) => ({
      label: item.label,
      apply: item.insert,
      detail: item.detail,
      type: TYPES[item.kind] ?? "text",
      info: item.info ? () => card("", item.info) : undefined,
      sortText: String(at).padStart(5, "0"),
    })),
  };
};

const hovered = async (hooks, name, state, pos) => {
  const { line, column } = placeAt(state.doc, pos);
  const found = await hooks.hover(name, line, column);
  // Without a title it is only known whose line it is.
  if (!found?.title) return null;
  const at = offsetAt(state.doc, found.line, found.from);
  return { pos: at, end: offsetAt(state.doc, found.line, found.to), dom: () => card(found.title, found.text) };
};

/** Tells about what the caret is on. */
const tell = (hooks, nameOf) => (view) => {
  const { state } = view;
  hovered(hooks, nameOf(), state, state.selection.main.head).then((found) => {
    // The user has gone on meanwhile. What else changes, such as problems that are found, does not count.
    if (!view.state.doc.eq(state.doc) || !view.state.selection.eq(state.selection)) return;
    const words = found ? found.dom().innerText || found.dom().textContent : "Nothing is known about this";
    view.dispatch({ effects: [pin.of(found), EditorView.announce.of(words)] });
  });
  return true;
};

/** A value that is written out already is not chosen by Enter: a new line is meant. */
const passOn = (view) => {
  const { state } = view;
  const chosen = selectedCompletion(state);
  const { head } = state.selection.main;
  const { from, text } = state.doc.lineAt(head);
  if (chosen && text.slice(0, head - from).endsWith(chosen.apply.trimStart())) closeCompletion(view);
  return false;
};

export const words = (hooks, nameOf) => [
  autocompletion({
    override: [source(hooks, nameOf)],
    // What is chosen is what was meant to be typed: `kind: ` goes on with the kinds.
    activateOnCompletion: (chosen) => chosen.type === "property",
    icons: false,
    maxRenderedOptions: 60,
    defaultKeymap: false,
  }),
  Prec.highest(keymap.of([{ key: "Enter", run: passOn }, ...completionKeymap])),
  hoverTooltip(async (view, pos) => {
    const found = await hovered(hooks, nameOf(), view.state, pos);
    return found && { pos: found.pos, end: found.end, create: () => ({ dom: found.dom() }) };
  }),
];

export const wordKeys = (hooks, nameOf) => [
  { key: "Mod-Shift-Space", run: tell(hooks, nameOf) },
  { key: "Alt-Space", run: startCompletion },
];

/** Ctrl or Cmd with a click, or F12: the object there is shown. */
export const jumping = (hooks, nameOf) => {
  const jump = (state, pos) => {
    const { line, column } = placeAt(state.doc, pos);
    hooks.jump(nameOf(), line, column);
  };
  return {
    keys: [{ key: "F12", preventDefault: true, run: ({ state }) => (jump(state, state.selection.main.head), true) }],
    pointer: EditorView.domEventHandlers({
      mousedown(event, view) {
        if (event.button !== 0 || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return false;
        const pos = view.posAtCoords({ x: event.clientX, y: event.clientY });
        if (pos === null) return false;
        jump(view.state, pos);
        return true;
      },
    }),
  };
};

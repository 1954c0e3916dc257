// What the editor is made of.
import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import {
  addCursorAbove, addCursorBelow, copyLineDown, copyLineUp, deleteLine, history, historyKeymap, indentLess, indentMore,
  moveLineDown, moveLineUp, standardKeymap, toggleComment,
} from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, codeFolding, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { search, searchKeymap } from "@codemirror/search";
import { EditorState, Prec } from "@codemirror/state";
import {
  EditorView, drawSelection, dropCursor, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers,
  rectangularSelection,
} from "@codemirror/view";
import { pinned, unpin } from "./cards.js";
import { problemKeys } from "./diagnostics.js";
import { marks } from "./marks.js";
import { jumping, wordKeys, words } from "./words.js";

const MODIFIERS = ["Shift", "Control", "Alt", "Meta"];

/**
 * Tab indents where someone writes. Who comes with the Tab key goes on with it, and so does who presses Escape, so that
 * the keyboard is never caught and nothing is changed in passing. Any other key or a click ends that.
 */
const leaving = EditorView.domEventObservers({
  keydown(event, view) {
    if (event.key === "Escape") view.setTabFocusMode(true);
    else if (event.key !== "Tab" && !MODIFIERS.includes(event.key)) view.setTabFocusMode(false);
  },
  mousedown: (_, view) => view.setTabFocusMode(false),
  blur: (_, view) => view.setTabFocusMode(true),
});

/** Selected lines are indented; a caret gets spaces, for YAML takes no tabs. */
const spaces = ({ state, dispatch }) => {
  if (state.readOnly) return false;
  if (state.selection.ranges.some((range) => !range.empty)) return indentMore({ state, dispatch });
  dispatch(state.update(state.replaceSelection("  "), { scrollIntoView: true, userEvent: "input" }));
  return true;
};

// CodeMirror's own list of all keys would bring Emacs's, too.
const keys = [
  { key: "Tab", run: spaces, shift: indentLess },
  { key: "Mod-/", run: toggleComment },
  { key: "Mod-]", run: indentMore },
  { key: "Mod-[", run: indentLess },
  { key: "Alt-ArrowUp", run: moveLineUp, shift: copyLineUp },
  { key: "Alt-ArrowDown", run: moveLineDown, shift: copyLineDown },
  { key: "Mod-Alt-ArrowUp", run: addCursorAbove },
  { key: "Mod-Alt-ArrowDown", run: addCursorBelow },
  { key: "Shift-Mod-k", run: deleteLine },
];

/** A fold is a button to whoever does not see it. */
const foldMark = (open) => {
  const mark = document.createElement("span");
  mark.className = open ? "cm-fold cm-fold-open" : "cm-fold";
  mark.title = open ? "Fold" : "Unfold";
  return mark;
};

export const extensions = (hooks, nameOf) => {
  const jump = jumping(hooks, nameOf);
  return [
    lineNumbers(),
    foldGutter({ markerDOM: foldMark }),
    codeFolding({ placeholderText: "…" }),
    history(),
    yaml(),
    indentUnit.of("  "),
    EditorState.tabSize.of(2),
    EditorState.allowMultipleSelections.of(true),
    // Ctrl-click looks at an object; Alt adds a caret, as in other editors.
    EditorView.clickAddsSelectionRange.of((event) => event.altKey && !event.shiftKey),
    rectangularSelection({ eventFilter: (event) => event.altKey && event.shiftKey }),
    drawSelection(),
    dropCursor(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    search({ top: true }),
    EditorState.phrases.of({ "match case": "Match case", regexp: "Regexp", "by word": "Whole word" }),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    marks,
    pinned,
    words(hooks, nameOf),
    leaving,
    jump.pointer,
    Prec.high(keymap.of([{ key: "Escape", run: unpin }])),
    keymap.of([
      ...problemKeys, ...wordKeys(hooks, nameOf), ...jump.keys, ...closeBracketsKeymap, ...keys, ...standardKeymap,
      ...searchKeymap, ...historyKeymap, ...foldKeymap,
    ]),
    EditorView.contentAttributes.of({
      tabindex: "0",
      "aria-label": "Manifests",
      "aria-description": "While you write, Tab indents. Escape, then Tab leaves.",
      spellcheck: "false",
      autocorrect: "off",
      autocapitalize: "off",
    }),
  ];
};

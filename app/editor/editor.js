// The manifests' editor: CodeMirror 6 behind a small interface. `cargo xtask dist` bundles it into `editor.js`, a file of
// its own that the page fetches after its first picture; until then, and without it, the page has a text area.
//
// Lines and columns are the engine's: 1-based, columns in characters. A range is
// { line, column, endLine, endColumn }. All texts of one name are one document with its own history and scroll position.
import { EditorState, Transaction } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { isolateHistory } from "@codemirror/commands";
import { showDiagnostics } from "./diagnostics.js";
import { extensions } from "./extensions.js";
import { markLines } from "./marks.js";
import { textOf } from "./places.js";
import { theme } from "./theme.js";

/**
 * Puts an editor into `parent`, in a shadow root: the page's policy forbids the `<style>` elements that CodeMirror makes
 * elsewhere.
 *
 * hooks:
 *   changed(name, text)            the user has changed a text: by typing, undoing, a fix
 *   caret(line)                    the line that the caret has come to; 0 when the focus is elsewhere
 *   complete(name, line, column)   → promise of { line, from, to, items: [{ label, insert, detail, kind, info }] } or null
 *   hover(name, line, column)      → promise of { line, from, to, title, text } or null
 *   jump(name, line, column)       the object at this place shall be shown
 *
 * The editor that it gives:
 *   setDocument(name, text, readOnly)   shows a document; a text that differs from the known one is a step of its history
 *   forget(name), rename(old, new)
 *   setDiagnostics([{ ...range, severity, message, hint, fix: { ...range, text } or null }])   of the shown document
 *   mark(from, to)                      lights lines and brings them into sight; 0, 0 lights none
 *   select(start, end)                  between offsets in UTF-16 units, as a text area counts
 *   focus(leaving)                      `leaving`: the next Tab goes on, as after Escape
 *   hasFocus(), destroy()
 */
export function create(parent, hooks) {
  return new Editor(parent, hooks);
}

class Editor {
  constructor(parent, hooks) {
    this.hooks = hooks;
    this.name = "";
    /** Documents that are not shown: name → { state, scroll }. */
    this.kept = new Map();
    this.host = document.createElement("div");
    this.host.className = "rich";
    // What tests read and write, as they would a text area's.
    Object.defineProperty(this.host, "value", { get: () => textOf(this.view.state), set: (text) => this.write(text) });
    const root = this.host.attachShadow({ mode: "open", delegatesFocus: true });
    const listening = EditorView.updateListener.of((update) => this.updated(update));
    this.extensions = [extensions(hooks, () => this.name), theme, listening];
    parent.append(this.host);
    this.view = new EditorView({ root, parent: root, state: this.fresh("", true) });
    this.view.setTabFocusMode(true);
  }

  fresh(text, readOnly) {
    const fixed = [EditorState.readOnly.of(readOnly), EditorView.editable.of(!readOnly)];
    // What cannot be edited can still be reached and read with the keyboard.
    const reachable = readOnly ? EditorView.contentAttributes.of({ tabindex: "0", "aria-readonly": "true" }) : [];
    return EditorState.create({ doc: text, extensions: [this.extensions, fixed, reachable] });
  }

  updated(update) {
    if (update.docChanged && !update.transactions.every((one) => one.annotation(Transaction.remote))) {
      this.hooks.changed(this.name, textOf(update.state));
    }
    if (update.docChanged || update.selectionSet || update.focusChanged) {
      const { state, view } = update;
      this.hooks.caret(view.hasFocus ? state.doc.lineAt(state.selection.main.head).number : 0);
    }
  }

  setDocument(name, text, readOnly) {
    if (name !== this.name) {
      if (this.name) this.kept.set(this.name, { state: this.view.state, scroll: this.view.scrollSnapshot() });
      const known = this.kept.get(name);
      this.kept.delete(name);
      this.name = name;
      this.view.setState(known?.state ?? this.fresh(text, readOnly));
      if (known) this.view.dispatch({ effects: known.scroll });
    }
    if (this.view.state.readOnly !== readOnly) this.view.setState(this.fresh(text, readOnly));
    this.replace(text.replace(/\r\n?/g, "\n"));
  }

  write(text) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text }, userEvent: "input.paste" });
  }

  /** Changes only what differs, so that the caret and the folds stay where they are. */
  replace(text) {
    const now = textOf(this.view.state);
    if (now === text) return;
    let from = 0;
    const shorter = Math.min(now.length, text.length);
    while (from < shorter && now[from] === text[from]) from += 1;
    let same = 0;
    while (same < shorter - from && now[now.length - 1 - same] === text[text.length - 1 - same]) same += 1;
    this.view.dispatch({
      changes: { from, to: now.length - same, insert: text.slice(from, text.length - same) },
      annotations: [Transaction.remote.of(true), isolateHistory.of("full")],
    });
  }

  forget(name) {
    this.kept.delete(name);
    if (this.name === name) this.name = "";
  }

  rename(old, name) {
    const known = this.kept.get(old);
    this.kept.delete(old);
    if (known) this.kept.set(name, known);
    if (this.name === old) this.name = name;
  }

  setDiagnostics(list) {
    showDiagnostics(this.view, list);
  }

  mark(from, to) {
    markLines(this.view, from, to);
  }

  select(start, end) {
    const most = this.view.state.doc.length;
    this.view.dispatch({ selection: { anchor: Math.min(start, most), head: Math.min(end, most) }, scrollIntoView: true });
  }

  focus(leaving) {
    this.view.focus();
    this.view.setTabFocusMode(leaving);
  }

  hasFocus() {
    return this.view.hasFocus;
  }

  destroy() {
    this.view.destroy();
    this.host.remove();
  }
}

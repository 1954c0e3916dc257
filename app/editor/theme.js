// Colours and sizes: all from the page's tokens, so that themes, contrast and forced colours need nothing here.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--text)" },
  { tag: [tags.comment, tags.lineComment, tags.meta], color: "var(--ink-3)" },
  { tag: [tags.labelName, tags.typeName, tags.keyword], color: "var(--tun)" },
  { tag: [tags.punctuation, tags.separator, tags.bracket], color: "var(--ink-2)" },
]);

const wavy = (colour) => ({
  backgroundImage: "none",
  textDecoration: `underline wavy ${colour} 1px`,
  textUnderlineOffset: "3px",
  textDecorationSkipInk: "none",
  paddingBottom: "0",
});

const text = {
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--sheet)", fontSize: "var(--t-sm)" },
  "&.cm-focused": { outline: "none" },
  // Above the gutters, which would cover an outline.
  "&.cm-focused::after": {
    content: '""', position: "absolute", inset: "0", border: "2px solid var(--accent)", borderRadius: "4px",
    pointerEvents: "none", zIndex: "250",
  },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "var(--code-line)", overflow: "auto" },
  ".cm-content": { padding: "8px 12px 8px 0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 0 0 4px" },
  ".cm-cursor, .cm-dropCursor": { borderLeft: "1.5px solid var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 24%, transparent)",
  },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent) 5%, transparent)" },
  ".cm-line.cm-marked": { backgroundColor: "var(--sel)", boxShadow: "inset 2px 0 var(--nat)" },
  "&.cm-focused .cm-line.cm-marked": { backgroundColor: "var(--sel)" },
  "&.cm-focused .cm-matchingBracket, .cm-matchingBracket": {
    backgroundColor: "var(--accent-soft)",
    outline: "1px solid var(--accent)",
  },
  "&.cm-focused .cm-nonmatchingBracket, .cm-nonmatchingBracket": { backgroundColor: "transparent", color: "inherit" },
  ".cm-selectionMatch": { backgroundColor: "var(--accent-soft)" },
  ".cm-searchMatch": { backgroundColor: "var(--sel)", outline: "1px solid var(--nat)" },
  ".cm-searchMatch.cm-searchMatch-selected": { backgroundColor: "var(--accent-soft)", outline: "2px solid var(--accent)" },
  ".cm-gutters": { backgroundColor: "var(--sheet)", color: "var(--ink-3)", border: "0", fontSize: "var(--t-xs)" },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "2.125rem", padding: "0 2px 0 6px" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--ink)" },
  ".cm-foldGutter .cm-gutterElement": { width: "14px", cursor: "pointer" },
  ".cm-fold::before": { content: '"▸"', color: "var(--ink-3)" },
  ".cm-fold-open::before": { content: '"▾"', opacity: "0" },
  ".cm-gutters:hover .cm-fold-open::before, &.cm-focused .cm-activeLineGutter .cm-fold-open::before": { opacity: "1" },
  ".cm-foldPlaceholder": {
    backgroundColor: "var(--accent-soft)", border: "0", color: "var(--accent)", padding: "0 6px", borderRadius: "4px",
  },
  ".cm-lintRange-error": wavy("var(--error)"),
  ".cm-lintRange-warning, .cm-lintRange-info, .cm-lintRange-hint": wavy("var(--nat)"),
  ".cm-lintRange-active": { backgroundColor: "var(--sel)" },
};

const around = {
  ".cm-tooltip": {
    backgroundColor: "var(--sheet)", color: "var(--ink)", border: "1px solid var(--rule-2)", borderRadius: "6px",
    boxShadow: "var(--shadow)", fontFamily: "var(--sans)", fontSize: "var(--t-sm)", maxWidth: "min(30em, 90vw)",
  },
  ".cm-card": { padding: "6px 10px", overflowWrap: "anywhere" },
  ".cm-card p": { margin: "2px 0", whiteSpace: "pre-wrap" },
  ".cm-card-title": { fontFamily: "var(--mono)" },
  ".cm-card-hint": { color: "var(--ink-2)" },
  ".cm-diagnostic": { padding: "2px 0", borderLeft: "3px solid var(--nat)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--error)" },
  ".cm-diagnosticAction": {
    margin: "2px 0 6px 10px", padding: "3px 10px", minHeight: "24px", border: "0", borderRadius: "6px",
    backgroundColor: "var(--accent)", color: "var(--paper)", font: "600 var(--t-sm) var(--sans)", cursor: "pointer",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "var(--t-sm)", maxHeight: "16em" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": {
    display: "flex", gap: "12px", alignItems: "center", minHeight: "24px", padding: "0 10px",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--accent-soft)", color: "var(--ink)", boxShadow: "inset 2px 0 var(--accent)",
  },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700", color: "var(--accent)" },
  ".cm-completionDetail": { marginLeft: "auto", color: "var(--ink-2)", fontStyle: "normal", fontSize: "var(--t-xs)" },
  ".cm-completionInfo": { padding: "0" },
  ".cm-panels": { backgroundColor: "var(--paper)", color: "var(--ink)" },
  ".cm-panels.cm-panels-top": { borderBottom: "1px solid var(--rule)" },
  ".cm-panel.cm-search": {
    display: "flex", flexWrap: "wrap", gap: "4px", padding: "6px 36px 6px 8px", fontFamily: "var(--sans)",
  },
  ".cm-panel.cm-search input, .cm-panel.cm-search button, .cm-panel.cm-search label": { margin: "0" },
  ".cm-panel.cm-search br, .cm-panel.cm-search [name=select]": { display: "none" },
  ".cm-panel.cm-search .cm-textfield": { flex: "1 1 8em", minWidth: "7em" },
  ".cm-panel.cm-search label": {
    display: "inline-flex", alignItems: "center", gap: "4px", minHeight: "24px", marginRight: "6px", fontSize: "12px",
    color: "var(--ink-2)",
  },
  ".cm-panel.cm-search .cm-button::first-letter": { textTransform: "uppercase" },
  ".cm-panel.cm-search input[type=checkbox]": { width: "16px", height: "16px", accentColor: "var(--accent)" },
  ".cm-textfield::placeholder": { color: "var(--ink-3)" },
  ".cm-textfield": {
    minHeight: "26px", border: "1px solid var(--line)", borderRadius: "6px", backgroundColor: "var(--sheet)",
    color: "var(--ink)", fontSize: "var(--t-sm)", padding: "1px 8px",
  },
  ".cm-button": {
    minHeight: "26px", border: "1px solid var(--rule-2)", borderRadius: "6px", backgroundImage: "none",
    backgroundColor: "var(--sheet)", color: "var(--ink)", fontSize: "12px", cursor: "pointer",
  },
  ".cm-button:active": { backgroundImage: "none", backgroundColor: "var(--accent-soft)" },
  ".cm-panel.cm-search [name=close]": { width: "26px", height: "26px", fontSize: "16px", color: "var(--ink-2)" },
  ".cm-textfield:focus-visible, .cm-button:focus-visible, button:focus-visible, input:focus-visible": {
    outline: "2px solid var(--accent)", outlineOffset: "1px",
  },
};

const forced = {
  "@media (forced-colors: active)": {
    ".cm-selectionBackground": { forcedColorAdjust: "none", background: "Highlight !important", opacity: "0.4" },
    ".cm-cursor": { borderLeftColor: "CanvasText" },
    ".cm-line.cm-marked": { outline: "1px solid Highlight" },
    ".cm-tooltip-autocomplete ul li[aria-selected]": { forcedColorAdjust: "none", backgroundColor: "Highlight", color: "HighlightText" },
  },
};

export const theme = [EditorView.theme({ ...text, ...around, ...forced }), syntaxHighlighting(colours)];

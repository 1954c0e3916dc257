// Between the engine's lines and columns (1-based, in characters) and CodeMirror's offsets (UTF-16 units).

/** The offset of a place, at most the end of its line. */
export const offsetAt = (doc, line, column) => {
  if (line < 1) return 0;
  if (line > doc.lines) return doc.length;
  const { from, text } = doc.line(line);
  let at = 0;
  for (let left = column - 1; left > 0 && at < text.length; left -= 1) at += text.codePointAt(at) > 0xffff ? 2 : 1;
  return from + Math.min(at, text.length);
};

/** The line and column of an offset. */
export const placeAt = (doc, offset) => {
  const line = doc.lineAt(offset);
  return { line: line.number, column: [...line.text.slice(0, offset - line.from)].length + 1 };
};

/** From and to of a range; never the other way round. */
export const spanOf = (doc, range) => {
  const from = offsetAt(doc, range.line, range.column);
  return { from, to: Math.max(from, offsetAt(doc, range.endLine, range.endColumn)) };
};

/** The whole text, with `\n` between lines. */
export const textOf = (state) => state.doc.toString();

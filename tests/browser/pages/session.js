// Sessions as links, so that a test opens the page on any cluster at once. The same bytes as app/src/workspace/saved.rs
// writes (postcard: numbers as varints, texts and lists with their length before them).
import { deflateRawSync } from "node:zlib";

const number = (value) => {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
};
const text = (value) => Buffer.concat([number(Buffer.byteLength(value)), Buffer.from(value)]);
const list = (items, write) => Buffer.concat([number(items.length), ...items.map(write)]);

/** The address, relative to the site, of a session: `files` by name, all of them live; commands run up to a packet. */
export function link({ title = "Test", files = {}, typed = {}, commands = [] }) {
  const bytes = Buffer.concat([
    text(title),
    number(1),
    list(Object.entries(files), ([name, content]) => Buffer.concat([text(name), text(content), Buffer.from([1])])),
    list(Object.entries(typed), ([name, content]) => Buffer.concat([text(name), text(content)])),
    list(commands, text),
  ]);
  return `./#1.${deflateRawSync(bytes).toString("base64url")}`;
}

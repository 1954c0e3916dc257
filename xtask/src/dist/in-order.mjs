// usage: node in-order.mjs STREAMS_JS SORTED WHOLE
//
// Fails unless the page's own way of putting a sorted module in order gives the whole one, byte for byte.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [script, sorted, whole] = process.argv.slice(2);
const { inOrder } = await import(pathToFileURL(script));
const before = performance.now();
const made = inOrder(readFileSync(sorted));
const took = Math.round(performance.now() - before);
if (!readFileSync(whole).equals(made)) throw new Error(`${sorted} does not give the module that it was made of`);
console.log(`  ${sorted.split("/").pop()} in order again after ${took} ms`);

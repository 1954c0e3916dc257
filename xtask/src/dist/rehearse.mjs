// usage: node rehearse.mjs GLUE WASM REHEARSAL [REST]
//
// Asks a worker's module what the rehearsal asks, and checks the answers. Without REST the module is an instrumented one:
// the questions of the opening are asked, and what has run is printed, a number of 64 bits a line. With REST the two are
// the halves of a module, and all questions are asked: the opening must do without the second half.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [glue, wasm, rehearsal, rest] = process.argv.slice(2);
const compiled = (path) => new WebAssembly.Module(readFileSync(path));

let reply;
let loaded = false;
globalThis.self = globalThis;
globalThis.DedicatedWorkerGlobalScope = class {};
globalThis.postMessage = (buffer) => (reply = Buffer.from(buffer).toString("hex"));
globalThis.podhopLoadRest = () => {
  if (loaded) throw new Error("the second half is loaded twice");
  if (!rest) throw new Error("the instrumented module is whole: it loads nothing");
  new WebAssembly.Instance(compiled(rest), { first: exports });
  loaded = true;
};

const module = compiled(wasm);
const ran = [];
let exports;
for (const [at, session] of readFileSync(rehearsal, "utf8").trim().split("\n\n").entries()) {
  // Another address is another copy of the glue: a worker of its own.
  const { initSync } = await import(`${pathToFileURL(glue)}?${at}`);
  exports = initSync({ module });
  loaded = false;
  for (const line of session.split("\n")) {
    const [part, asked, answered] = line.split(" ");
    if (part === "afterwards" && !rest) break;
    reply = undefined;
    globalThis.onmessage({ data: new Uint8Array(Buffer.from(asked, "hex")).buffer });
    if (reply !== answered) throw new Error(`another answer than natively to ${Buffer.from(asked, "hex")}`);
    if (part === "opening" && loaded) throw new Error(`the opening needed the second half for ${Buffer.from(asked, "hex")}`);
  }
  for (let word = 0; !rest && exports[`ran:${word}`]; word += 1) {
    ran[word] = (ran[word] ?? 0n) | BigInt.asUintN(64, exports[`ran:${word}`].value);
  }
}

if (rest && !loaded) throw new Error("the second half was never needed: what was rehearsed afterwards is too little");
for (const word of ran) console.log(word.toString());

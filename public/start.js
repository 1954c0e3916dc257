// Starts the page and compiles the engine beside it. File names here are the plain ones; the built site's carry hashes.
import start, { openPage } from "./podhop-app.js";
import { inOrder } from "./streams.js";

// What was chosen in the settings, before anything is drawn. Storage can be forbidden in a sandboxed frame.
try {
  for (const name of ["theme", "size", "motion", "explain"]) {
    const value = localStorage.getItem(`podhop.${name}`);
    if (value) document.documentElement.dataset[name] = value;
  }
} catch {}

const fetched = async (name) => {
  // The same address and mode as the preload links in index.html, so that nothing is fetched twice.
  const response = await fetch(name, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response;
};

// The first halves come sorted.
const compiled = async (name) => {
  const response = await fetched(name);
  return WebAssembly.compile(inOrder(new Uint8Array(await response.arrayBuffer())));
};

const engine = compiled("./podhop-worker_bg.wasm");

// Both modules come in halves. The first plays the opening and answers edits; the second is fetched when someone turns to
// anything but the editor, or after a minute. Whoever needs it before that fetches it on the spot.
let pageRest;
let pageRestComes;
let engineRest;
const workers = [];
const hints = ["pointermove", "pointerdown", "keydown", "focusin"];
const wanted = (event) => {
  if (event?.target instanceof HTMLTextAreaElement) return;
  clearTimeout(late);
  for (const hint of hints) removeEventListener(hint, wanted, true);
  pageRestComes = compiled("./podhop-app_rest.wasm").then((module) => (pageRest ??= module), () => {});
  engineRest = compiled("./podhop-worker_rest.wasm");
  for (const worker of workers) hand(worker);
};
for (const hint of hints) addEventListener(hint, wanted, true);
const late = setTimeout(wanted, 60_000);
const hand = (worker) => engineRest?.then((module) => worker.postMessage({ rest: module }), () => {});

// The manifests' editor, a chunk of its own: see app/editor/editor.js. What speaks to it is in the page's second half.
globalThis.podhopEditor = async () => {
  const editor = await import("./editor.js");
  if (!pageRestComes) wanted();
  await pageRestComes;
  return editor;
};

// The page's first half calls this when it comes to a function of the other, and cannot wait for a promise.
let first;
globalThis.podhopLoadRest = () => {
  if (!pageRest) {
    const request = new XMLHttpRequest();
    request.open("GET", "./podhop-app_rest.wasm", false);
    // A page, unlike a worker, gets text only from a request that does not return before it is answered.
    request.overrideMimeType("text/plain; charset=x-user-defined");
    request.send();
    if (request.status !== 200) throw new Error(`podhop-app_rest.wasm: ${request.status} ${request.statusText}`);
    pageRest = new WebAssembly.Module(Uint8Array.from(request.responseText, (letter) => letter.charCodeAt(0)));
  }
  new WebAssembly.Instance(pageRest, { first });
};

// The page calls this for its first worker and again after a trap: the engine is fetched and compiled once.
// A worker that cannot start reports it as an `error` event on itself.
globalThis.podhopWorker = () => {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "podhop engine" });
  workers.push(worker);
  engine.then(
    (module) => {
      worker.postMessage(module);
      hand(worker);
    },
    (error) => worker.dispatchEvent(new ErrorEvent("error", { message: String(error) })),
  );
  return worker;
};

const open = async () => {
  first = await start({ module_or_path: compiled("./podhop-app_bg.wasm") });
  openPage();
};

open().catch((error) => {
  const note = document.createElement("p");
  note.setAttribute("role", "alert");
  note.textContent = `podhop could not start: ${error.message}`;
  document.body.append(note);
  throw error;
});

// Starts the page and compiles the engine beside it. File names here are the plain ones; the built site's carry hashes.
import start, { openPage } from "./podhop-app.js";
import { inOrder } from "./streams.js";

const fetched = async (name) => {
  // The same address and mode as the preload links in index.html, so that nothing is fetched twice.
  const response = await fetch(name, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response;
};

// The first halves come sorted, an eighth smaller, and have to be there whole before they are put in order: what that saves
// on the way is more than compiling while they come would.
const compiled = async (name) => {
  const response = await fetched(name);
  return WebAssembly.compile(inOrder(new Uint8Array(await response.arrayBuffer())));
};

// The second halves come as they are. What compiles while it comes has to be called WebAssembly by its host.
const compiledAsIs = async (name) => {
  const response = await fetched(name);
  if (response.headers.get("content-type") === "application/wasm") return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
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
  pageRestComes = compiledAsIs("./podhop-app_rest.wasm").then((module) => (pageRest ??= module), () => {});
  engineRest = compiledAsIs("./podhop-worker_rest.wasm");
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
  // Whatever the opening does not show is styled before there is code that shows it.
  for (const styles of WebAssembly.Module.customSections(pageRest, "styles")) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(new TextDecoder().decode(styles));
    document.adoptedStyleSheets.push(sheet);
  }
  new WebAssembly.Instance(pageRest, { first });
};

// A sandboxed frame may start no worker from an address, and no module from a blob, but a classic script from a blob, which
// may import. What comes in before that is done waits.
const fromBlob = `
  const early = [];
  const hold = ({ data }) => early.push(data);
  addEventListener("message", hold);
  import("ADDRESS").then(() => {
    removeEventListener("message", hold);
    for (const data of early) dispatchEvent(new MessageEvent("message", { data }));
  }, reportError);`;

const newWorker = () => {
  const address = new URL("./worker.js", import.meta.url);
  const name = "podhop engine";
  // Some browsers refuse at once there, others by an event of the worker.
  if (globalThis.origin !== "null") {
    try {
      return new Worker(address, { type: "module", name });
    } catch {}
  }
  const script = new Blob([fromBlob.replace("ADDRESS", () => address)], { type: "text/javascript" });
  const url = URL.createObjectURL(script);
  const worker = new Worker(url, { name });
  // Whatever it says first, it has been fetched by then.
  for (const event of ["message", "error"]) worker.addEventListener(event, () => URL.revokeObjectURL(url), { once: true });
  return worker;
};

// The page calls this for its first worker and again after a trap: the engine is fetched and compiled once.
// A worker that cannot start reports it as an `error` event on itself.
globalThis.podhopWorker = () => {
  const worker = newWorker();
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
  globalThis.podhopFailed(error.message);
  throw error;
});

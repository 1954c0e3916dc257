// Starts the page and compiles the engine beside it. File names here are the plain ones; the built site's carry hashes.
import start from "./podhop-app.js";

// The theme that was chosen, before anything is drawn. Storage can be forbidden in a sandboxed frame.
try {
  const theme = localStorage.getItem("podhop.theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {}

const fetched = async (name) => {
  // The same address and mode as the preload links in index.html, so that nothing is fetched twice.
  const response = await fetch(name, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response;
};

// A server that does not know the type of .wasm must not stop the page.
const compiled = async (name) => {
  const response = await fetched(name);
  return response.headers.get("content-type")?.startsWith("application/wasm")
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
};

const engine = compiled("./podhop-worker_bg.wasm");

// The engine's second half, without which it plays the opening and answers edits: fetched when someone turns to anything
// but the editor, or after a minute. A worker that needs it before that fetches it by itself.
let rest;
const workers = [];
const hints = ["pointerdown", "keydown", "focusin"];
const wanted = (event) => {
  if (event?.target instanceof HTMLTextAreaElement) return;
  clearTimeout(late);
  for (const hint of hints) removeEventListener(hint, wanted, true);
  rest = compiled("./podhop-worker_rest.wasm");
  rest.catch(() => {}); // whoever needs it will say so
  for (const worker of workers) hand(worker);
};
for (const hint of hints) addEventListener(hint, wanted, true);
const late = setTimeout(wanted, 60_000);
const hand = (worker) => rest?.then((module) => worker.postMessage({ rest: module }), () => {});

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

start({ module_or_path: compiled("./podhop-app_bg.wasm") }).catch((error) => {
  const note = document.createElement("p");
  note.setAttribute("role", "alert");
  note.textContent = `podhop could not start: ${error.message}`;
  document.body.append(note);
  throw error;
});

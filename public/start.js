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

// The page calls this for its first worker and again after a trap: the engine is fetched and compiled once.
// A worker that cannot start reports it as an `error` event on itself.
globalThis.podhopWorker = () => {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "podhop engine" });
  engine.then(
    (module) => worker.postMessage(module),
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

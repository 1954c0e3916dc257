// Runs the engine in a worker: waits for the compiled module, starts it, then hands over what came in meanwhile.
import start from "./podhop-worker.js";

const early = [];
let first;
let rest;

// The engine's second half: all that the opening of the page does without. The first half calls this when it comes to a
// function of the other, and cannot wait for a promise: if the page has not sent the half yet, it is fetched on the spot.
self.podhopLoadRest = () => {
  if (!rest) {
    const request = new XMLHttpRequest();
    request.open("GET", new URL("./podhop-worker_rest.wasm", import.meta.url), false);
    request.responseType = "arraybuffer";
    request.send();
    if (request.status !== 200) {
      throw new Error(`podhop-worker_rest.wasm: ${request.status} ${request.statusText}`);
    }
    rest = new WebAssembly.Module(request.response);
  }
  new WebAssembly.Instance(rest, { first });
};

self.addEventListener("message", (event) => {
  if (!event.data.rest) return;
  rest ??= event.data.rest;
  event.stopImmediatePropagation();
});

const hold = async ({ data }) => {
  if (!(data instanceof WebAssembly.Module)) {
    early.push(data);
    return;
  }
  try {
    first = await start({ module_or_path: data });
  } catch (error) {
    self.reportError(error); // reaches the page as the worker's `error` event
    return;
  }
  self.removeEventListener("message", hold);
  for (const held of early) self.dispatchEvent(new MessageEvent("message", { data: held }));
};

self.addEventListener("message", hold);

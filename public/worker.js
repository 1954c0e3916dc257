// Runs the engine in a worker: waits for the compiled module, starts it, then hands over what came in meanwhile.
import start from "./podhop-worker.js";

const early = [];

const hold = async ({ data }) => {
  if (!(data instanceof WebAssembly.Module)) {
    early.push(data);
    return;
  }
  try {
    await start({ module_or_path: data });
  } catch (error) {
    self.reportError(error); // reaches the page as the worker's `error` event
    return;
  }
  self.removeEventListener("message", hold);
  for (const held of early) self.dispatchEvent(new MessageEvent("message", { data: held }));
};

self.addEventListener("message", hold);

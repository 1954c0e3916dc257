// The engine's speed through its worker, as the page uses it, and the page's own: `bench <name> <number> <unit>` lines on standard output.
import { chromium } from "playwright-core";
import { measureDump } from "./bench-dump.mjs";
import { measurePage } from "./bench-page.mjs";
import { launchOptions } from "./chromium.js";
import { PodhopPage } from "./pages/podhop.js";

const objects = [
  ...["a", "b"].map(
    (end, at) => `apiVersion: v1
kind: Pod
metadata: {name: pod-${end}, labels: {mark: m0}}
spec: {nodeName: worker-${at + 1}, containers: [{name: main, image: busybox, command: [sleep, "3600"]}]}
`,
  ),
  ...Array.from(
    { length: 98 },
    (_, index) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: web-${index}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web-${index}}}
  template:
    metadata: {labels: {app: web-${index}}}
    spec: {containers: [{name: web, image: nginx}]}
`,
  ),
];

const browser = await chromium.launch(launchOptions);
try {
  const page = await browser.newPage();
  await new PodhopPage(page).open(process.argv[2]);
  const manifests = objects.join("---\n");
  const results = await page.evaluate(measure, manifests);
  await page.close();
  Object.assign(results, await measurePage(browser, process.argv[2], manifests));
  const dump = await measureDump(browser, process.argv[2]);
  results.page_dump_read = dump.read;
  results.page_dump_open = dump.open;
  console.log(`bench page_dump_memory ${dump.memory} bytes`);
  for (const [name, milliseconds] of Object.entries(results)) {
    console.log(`bench ${name} ${Math.round(milliseconds * 1e6)} ns`);
  }
} finally {
  await browser.close();
}

// Runs in the page: a worker of its own, spoken to in the page's protocol (postcard: numbers as varints, texts with
// their length before them, enum variants by number).
async function measure(manifests) {
  const OPEN = 0;
  const EDIT = 1;
  const RUN = 2;
  const number = (value) => {
    const bytes = [];
    for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
    return [...bytes, value];
  };
  const text = (value) => {
    const bytes = new TextEncoder().encode(value);
    return [...number(bytes.length), ...bytes];
  };
  const worker = globalThis.podhopWorker();
  const ask = (variant, fields) => {
    const bytes = new Uint8Array([...number(1), variant, ...fields]);
    const start = performance.now();
    return new Promise((resolve, reject) => {
      worker.onmessage = () => resolve(performance.now() - start);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(bytes.buffer, [bytes.buffer]);
    });
  };
  const median = async (runs, run) => {
    const times = [];
    for (let index = 0; index < runs; index += 1) times.push(await run(index));
    return times.sort((one, other) => one - other)[Math.floor(runs / 2)];
  };
  const open = () => ask(OPEN, [...number(1), ...text("bench.yaml"), ...text(manifests), 1, ...number(1)]);
  await open();
  const results = {};
  results.worker_open_100_objects = await median(10, open);
  results.worker_edit_100_objects = await median(30, (index) =>
    ask(EDIT, [...text("bench.yaml"), ...text(manifests.replaceAll("mark: m0", `mark: m${index + 1}`))]),
  );
  const ping = "kubectl exec pod-a -- ping -c 1 $(kubectl get pod pod-b -o jsonpath='{.status.podIP}')";
  results.worker_echo_command = await median(100, () => ask(RUN, [...number(0), ...text(ping)]));
  worker.terminate();
  return results;
}

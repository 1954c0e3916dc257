// A dump of 150,000 Pods, about 40 MB, dropped onto the page and applied: times, and what the renderer's memory came to.
import { readFileSync, readdirSync } from "node:fs";
import { PodhopPage } from "./pages/podhop.js";

const PODS = 150_000;

/** Drops the file, waits until it has been read, applies it, and waits for the new cluster. Times in milliseconds. */
async function dropped(page) {
  return page.evaluate(async (pods) => {
    const node = (at) => `- apiVersion: v1
  kind: Node
  metadata:
    name: n${at}
  status:
    addresses:
    - address: 10.1.${at >> 8}.${at & 255}
      type: InternalIP
`;
    const pod = (at) => `- apiVersion: v1
  kind: Pod
  metadata:
    creationTimestamp: "2026-01-01T00:00:00Z"
    labels:
      app: web
    name: web-${at}
    namespace: default
  spec:
    containers:
    - image: nginx
      name: web
    nodeName: n${Math.floor(at / 30)}
  status:
    phase: Running
`;
    const network = `- apiVersion: kubeadm.k8s.io/v1beta4
  kind: ClusterConfiguration
  networking:
    podSubnet: 10.128.0.0/9
`;
    const parts = ["apiVersion: v1\nitems:\n", network];
    for (let at = 0; at < pods / 30; at += 1) parts.push(node(at));
    for (let at = 0; at < pods; at += 1) parts.push(pod(at));
    parts.push("kind: List\nmetadata:\n  resourceVersion: \"\"\n");
    const data = new DataTransfer();
    data.items.add(new File([parts.join("")], "dump.yaml"));
    const notice = () => document.querySelector(".notice")?.textContent ?? "";
    const until = async (what) => {
      while (!what()) await new Promise((next) => setTimeout(next, 20));
    };
    const start = performance.now();
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    await until(() => notice().includes("dump.yaml"));
    await until(() => !document.querySelector(".notice") || document.querySelector(".notice").hidden);
    const read = performance.now() - start;
    const revision = document.documentElement.dataset.podhopRevision;
    const apply = [...document.querySelectorAll("button")].find((button) => /^Apply/.test(button.textContent.trim()));
    apply.click();
    await until(() => document.documentElement.dataset.podhopRevision !== revision);
    await new Promise((shown) => requestAnimationFrame(() => setTimeout(shown)));
    return { read, open: performance.now() - start };
  }, PODS);
}

/** The most memory that any one process of a browser has held, in bytes; 0 where the kernel does not say. */
function memoryMax() {
  let most = 0;
  try {
    for (const process of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        if (!readFileSync(`/proc/${process}/cmdline`, "utf8").includes("--type=renderer")) continue;
        const peak = /VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${process}/status`, "utf8"));
        most = Math.max(most, Number(peak?.[1] ?? 0) * 1024);
      } catch {
        // It has ended meanwhile.
      }
    }
  } catch {
    return 0;
  }
  return most;
}

export async function measureDump(browser, url) {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, baseURL: url });
  page.setDefaultTimeout(280_000);
  await new PodhopPage(page).open();
  const times = await dropped(page);
  const memory = memoryMax();
  await page.close();
  return { ...times, memory };
}

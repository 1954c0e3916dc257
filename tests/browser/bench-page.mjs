// The page's own speed: frames while packets move, frames while a very large cluster is moved, and a keystroke's way to a
// new picture. Each gives nanoseconds by name.
import { deployment, node, pair } from "./pages/clusters.js";
import { PodhopPage } from "./pages/podhop.js";
import { link } from "./pages/session.js";

const SECONDS = 10;

/** A thousand Pods on ten nodes, and a conversation of two thousand packets, the most of one command, again and again. */
async function packets(podhop) {
  const nodes = Array.from({ length: 10 }, (_, at) => node(`n${at}`));
  const files = { "bench.yaml": [...nodes, pair, deployment("web", 1000)].join("---\n") };
  await podhop.open(link({ files, commands: ["kubectl get pods -o name | wc -l"] }));
  await podhop.run("kubectl exec pod-a -- ping -c 1000 $(kubectl get pod pod-b -o jsonpath='{.status.podIP}')");
  await podhop.page.locator(".heading h2").filter({ hasText: "ping" }).waitFor({ timeout: 120_000 });
  await podhop.button("All of it").click();
  return frames(podhop.page, () =>
    podhop.page.evaluate(() => document.querySelector('button.main[aria-label="Play"]')?.click()),
  );
}

/** Kubernetes' stated limits, all of it in sight, moved by the wheel for the whole time. */
async function crowd(podhop) {
  const network = `apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: 10.128.0.0/9}
`;
  const nodes = Array.from({ length: 5000 }, (_, at) => node(`n${at}`));
  const pods = Array.from({ length: 150 }, (_, at) => deployment(`web-${at}`, 1000));
  const start = performance.now();
  await podhop.open(link({ files: { "bench.yaml": [network, ...nodes, ...pods].join("---\n") } }));
  const opened = performance.now() - start;
  await podhop.button("All of it").click();
  const stage = await podhop.page.locator(".canvases").boundingBox();
  await podhop.page.mouse.move(stage.x + stage.width / 2, stage.y + stage.height / 2);
  const moved = await frames(podhop.page, async (turn) => {
    await podhop.page.mouse.wheel(turn % 2 ? 40 : -40, turn % 4 < 2 ? 30 : -30);
  });
  return { ...moved, open: opened };
}

/** The times between frames for some seconds, while `act` is called again and again. */
async function frames(page, act) {
  const measured = page.evaluate(
    (seconds) =>
      new Promise((done) => {
        const times = [];
        let last = performance.now();
        const end = last + seconds * 1000;
        const frame = () => {
          const now = performance.now();
          times.push(now - last);
          last = now;
          if (now < end) requestAnimationFrame(frame);
          else done(times.sort((one, other) => one - other));
        };
        requestAnimationFrame(frame);
      }),
    SECONDS,
  );
  let going = true;
  measured.finally(() => (going = false));
  for (let turn = 0; going; turn += 1) {
    await act(turn);
    await page.waitForTimeout(30);
  }
  const times = await measured;
  return { p95: times[Math.floor(times.length * 0.95)], max: times.at(-1) };
}

/** Types letters into a file of a hundred objects: the median time from the key to the frame that shows the new cluster. */
async function keystroke(podhop, manifests) {
  await podhop.open(link({ files: { "bench.yaml": manifests } }));
  const times = await podhop.page.evaluate(async () => {
    const field = document.querySelector("textarea#editor");
    const frame = () => new Promise((shown) => requestAnimationFrame(() => setTimeout(shown)));
    const times = [];
    for (let turn = 0; turn < 30; turn += 1) {
      const before = document.documentElement.dataset.podhopRevision;
      const start = performance.now();
      field.value = field.value.replace(/mark: m\d+/, `mark: m${turn + 1}`);
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
      while (document.documentElement.dataset.podhopRevision === before) await new Promise((next) => setTimeout(next));
      await frame();
      times.push(performance.now() - start);
      await new Promise((rest) => setTimeout(rest, 100));
    }
    return times.sort((one, other) => one - other);
  });
  return times[Math.floor(times.length / 2)];
}

export async function measurePage(browser, url, manifests) {
  const results = {};
  const onPage = async (measure) => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, baseURL: url });
    await page.route(/\/editor[^/]*\.js$/, (route) => route.abort());
    page.setDefaultTimeout(180_000);
    const result = await measure(new PodhopPage(page));
    await page.close();
    return result;
  };
  results.page_keystroke_100_objects = await onPage((podhop) => keystroke(podhop, manifests));
  const moving = await onPage(packets);
  results.page_2000_packets_frame_p95 = moving.p95;
  results.page_2000_packets_frame_max = moving.max;
  const crowded = await onPage(crowd);
  results.page_150000_pods_open = crowded.open;
  results.page_150000_pods_frame_p95 = crowded.p95;
  results.page_150000_pods_frame_max = crowded.max;
  return results;
}

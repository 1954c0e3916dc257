// The page's own speed: frames while packets move, frames while a very large cluster is moved, and a keystroke's way to a
// new picture. Each gives nanoseconds by name.
import { deployment, node, pair } from "./pages/clusters.js";
import { PodhopPage } from "./pages/podhop.js";
import { link } from "./pages/session.js";

const SECONDS = 10;

/**
 * A thousand Pods on ten nodes, six of which ping all of them: the packets of all conversations move at the same time,
 * and each of them is one that the engine has walked.
 */
async function packets(podhop) {
  const { page } = podhop;
  const nodes = Array.from({ length: 10 }, (_, at) => node(`n${at}`));
  const web = deployment("web", 1000).replace("image: nginx", "image: busybox, command: [sleep, infinity]");
  const files = { "bench.yaml": [...nodes, web].join("---\n") };
  await podhop.open(link({ files, commands: ["kubectl get pods -o name | wc -l"] }));
  await podhop.button("Ping all").click();
  await page.locator(".reach").filter({ hasText: /(\d+) of \1 Pods answer/ }).waitFor();
  await podhop.button("Every Pod to every Pod").click();
  await page.locator(".reach").filter({ hasText: /(\d+) of \1 pings are answered/ }).waitFor();
  await podhop.button("Show them all").click();
  await podhop.button("All of it").click();
  const told = page.locator(".heading").getByText("packets on their way");
  await told.waitFor();
  await podhop.button("Last step").click();
  // Slowly enough that all are on their way for the whole time.
  for (const speed of ["1×", "2×", "4×", "¼×"]) await podhop.button(`Speed ${speed}`).click();
  const moving = async () => Number(/(\d+) packets on their way/.exec(await told.textContent())[1]);
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable");
  const busy = async () => {
    const { metrics } = await client.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration").value * 1000;
  };
  await podhop.button("Play").click();
  await page.waitForTimeout(1000);
  const [least, before] = [await moving(), await busy()];
  const measured = await frames(page, () => page.evaluate(() => null));
  const cpu = ((await busy()) - before) / measured.count;
  const count = Math.min(least, await moving());
  if (count < 5000) throw new Error(`only ${count} packets are on their way`);
  return { ...measured, cpu };
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
        const start = performance.now();
        let last;
        // The moments of the frames themselves, not those at which there was time for this.
        const frame = (now) => {
          if (last !== undefined) times.push(now - last);
          last = now;
          if (now < start + seconds * 1000) requestAnimationFrame(frame);
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
  return { p95: times[Math.floor(times.length * 0.95)], max: times.at(-1), count: times.length };
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
  results.page_5000_packets_frame_p95 = moving.p95;
  results.page_5000_packets_frame_max = moving.max;
  results.page_5000_packets_frame_cpu = moving.cpu;
  const crowded = await onPage(crowd);
  results.page_150000_pods_open = crowded.open;
  results.page_150000_pods_frame_p95 = crowded.p95;
  results.page_150000_pods_frame_max = crowded.max;
  return results;
}

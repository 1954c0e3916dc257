// The states that a page comes into by accident and must be in by design.
import { expect, test } from "@playwright/test";
import * as clusters from "../pages/clusters.js";
import { PodhopPage } from "../pages/podhop.js";
import { link } from "../pages/session.js";

let podhop;

test.beforeEach(({ page }) => {
  podhop = new PodhopPage(page);
});

const inPods = (text) => ({ "pods.yaml": text });
const card = (name) => podhop.page.getByRole("group", { name });
const hint = (title) => podhop.page.getByRole("note").filter({ hasText: title });
const alert = () => podhop.page.getByRole("alert");

/** Finds something with the stage's finder: its card and its object are shown then. */
async function find(name) {
  await podhop.page.locator("h1").click();
  await podhop.page.keyboard.press("/");
  await podhop.page.keyboard.type(name);
  await podhop.page.keyboard.press("Enter");
}

/** Lets the page keep hold of its worker. */
const reachWorker = (page) =>
  page.addInitScript(() => {
    globalThis.Worker = class extends globalThis.Worker {
      constructor(...about) {
        super(...about);
        globalThis.lastWorker = this;
      }
    };
  });

/** The worker traps, and so do those that follow it, before any of them has answered. */
const trap = (page, message, times = 1) =>
  page.evaluate(
    ([message, times]) => {
      for (; times > 0; times -= 1) globalThis.lastWorker.dispatchEvent(new ErrorEvent("error", { message }));
    },
    [message, times],
  );

test.describe("starting", () => {
  test("says that it starts until the page is there", async ({ page }) => {
    let go;
    const gate = new Promise((open) => (go = open));
    await page.route(/podhop-app_bg.*\.wasm$/, async (route) => {
      await gate;
      await route.continue();
    });
    await page.goto("./");
    await expect(page.getByRole("status")).toHaveText("Starting a cluster in this tab …");
    go();
    await podhop.ready();
    await expect(page.locator("#boot")).toHaveCount(0);
  });

  test("says that the cluster starts while the engine is on its way", async ({ page }) => {
    await page.route(/podhop-worker_bg.*\.wasm$/, () => {});
    await page.goto("./");
    await expect(page.getByRole("heading", { name: "Starting the cluster …" })).toBeVisible();
    await expect(podhop.editor).toBeVisible();
  });

  for (const [what, file] of [["a script", /start.*\.js$/], ["the page's module", /podhop-app_bg.*\.wasm$/]]) {
    test(`says so when ${what} cannot be had`, async ({ page }) => {
      await page.route(file, (route) => route.abort());
      await page.goto("./");
      await expect(alert()).toContainText("podhop could not start");
      await expect(page.getByRole("link", { name: "Reload the page" })).toBeVisible();
    });
  }

  test("says so when the engine cannot be had, and the files stay", async ({ page }) => {
    await page.route(/podhop-worker_bg.*\.wasm$/, (route) => route.fulfill({ status: 503, body: "" }));
    await page.goto("./");
    await expect(alert()).toContainText(/The simulator does not start: .*503.* Your files stay in the editor\./);
    expect(await podhop.manifests()).toContain("pod-a");
  });

  test("without WebAssembly it says that this is what is missing", async ({ page }) => {
    await page.addInitScript(() => delete globalThis.WebAssembly);
    await page.goto("./");
    await expect(alert()).toContainText("WebAssembly switched off");
  });

  test.describe("with scripts off", () => {
    test.use({ javaScriptEnabled: false });

    test("there are words and a picture", async ({ page }) => {
      await page.goto("./");
      await expect(page.locator("noscript p").first()).toContainText("takes JavaScript and WebAssembly");
      const picture = page.locator("noscript img");
      await expect(picture).toHaveAttribute("alt", /^pod-a sends/);
      await expect(picture).toBeVisible();
      const still = await page.request.get(new URL(await picture.getAttribute("src"), page.url()).href);
      expect(still.ok()).toBe(true);
      await expect(page.locator("#boot")).toBeHidden();
    });
  });
});

test.describe("nothing there", () => {
  test("a cluster without Pods says what to do; two Pods are one click away", async ({ page }) => {
    await podhop.open(link({ files: inPods("") }));
    await expect(hint("No Pods of your own yet")).toBeVisible();
    await podhop.button("Add two Pods").click();
    await expect(hint("No Pods")).toBeHidden();
    await expect(podhop.output).toContainText("pod/pod-b created");
    await podhop.run("kubectl delete pods --all");
    await expect(hint("No Pods")).toBeVisible();
    await podhop.button("Open a scenario").click();
    await expect(page.getByRole("dialog")).toContainText("Open a scenario");
    expect(podhop.problems).toEqual([]);
  });

  test("without a file the editor says so and makes one", async ({ page }) => {
    await podhop.open(link({ files: {} }));
    await hint("No file is open").getByRole("button", { name: "New file" }).click();
    await expect(hint("No file")).toBeHidden();
    await expect(page.getByRole("group", { name: "Files" })).toContainText("new.yaml");
    await expect(podhop.editor).toBeEditable();
  });
});

test.describe("the worker", () => {
  test.beforeEach(async ({ page }) => reachWorker(page));

  test("killed while a flow plays: the last good cluster returns, and the flow can be run again", async ({ page }) => {
    await podhop.open();
    await podhop.flowPlayed();
    await podhop.write((await podhop.manifests()).replace("kind: Pod", "kind: [Pod"));
    await expect(podhop.page.locator(".file-state")).toHaveText(/last good cluster/);
    await podhop.button("Play").click();
    await expect(podhop.button("Pause")).toBeVisible();
    await trap(page, "unreachable");
    await expect(alert()).toContainText("started again from the last good files");
    await expect(page.getByRole("treeitem", { name: /Node worker-1/ })).toBeAttached();
    await expect(podhop.page.locator(".file-state")).toHaveText(/last good cluster/);
    expect(await podhop.manifests()).toContain("kind: [Pod");
    await podhop.button("Run the command again").click();
    await expect(alert()).toBeHidden();
    await expect(page.locator(".heading h2")).toHaveText("ping -c 3 10.244.2.2");
    await expect(podhop.output).toContainText(/(3 packets received[^]*){2}/);
    expect(podhop.problems).toEqual([]);
  });

  test("terminated for good: the page says why, and can start anew", async ({ page }) => {
    // The simulator is started five times.
    test.slow();
    await podhop.open(link({ files: inPods(clusters.pair) }));
    await trap(page, "out of memory", 3);
    await expect(alert()).toContainText("The simulator does not start: out of memory.");
    // What is asked now is answered, too.
    await podhop.run("kubectl get pods");
    await expect(podhop.output).toContainText("The simulator does not run.");
    await podhop.button("Start anew").click();
    await expect(page.locator(".heading h2")).toHaveText("ping -c 3 10.244.2.2");
    await podhop.button("Bring them back").click();
    await expect.poll(() => podhop.manifests()).toBe(clusters.pair);
  });
});

test.describe("Pods and nodes that ail", () => {
  test("a Pod that fits nowhere, and one that crashes, say why", async ({ page }) => {
    await podhop.open(link({ files: inPods(clusters.ailing) }));
    await expect(page.getByRole("treeitem", { name: /Pod fast/ })).toHaveCount(1);
    await find("fast");
    await expect(card("Pod fast")).toContainText("0/3 nodes are available");
    const facts = page.locator(".facts");
    await expect(facts).toContainText("StatusPending");
    await expect(page.getByRole("button", { name: "its tables" })).toBeHidden();
    await find("twice");
    await expect(card("Pod twice")).toContainText("CrashLoopBackOff, 1 of 2 ready");
    await expect(facts).toContainText("StatusCrashLoopBackOff");
    await expect(facts).toContainText("Address already in use");
    await expect(podhop.problemList).toContainText("the container keeps failing");
  });

  test("a node that is not ready says so", async ({ page }) => {
    await podhop.open(link({ files: inPods(clusters.ailingNode) }));
    await find("edge-2");
    await expect(card("Node edge-2")).toContainText("NotReady");
    await expect(page.locator(".facts")).toContainText("StatusNotReady");
  });
});

test.describe("packets that do not arrive", () => {
  test.use({ reducedMotion: "reduce" });

  for (const [what, command, end, told] of [
    ["a closed port", "nc -z -w 2 10.244.2.2 81", "refused", /nothing listens on that port/],
    ["no such address", "ping -c 1 10.244.2.77", "unreachable", /host unreachable/],
  ]) {
    test(`${what}: the end and the reason are in words`, async ({ page }) => {
      await podhop.open(link({ files: inPods(clusters.pair), commands: [`kubectl exec pod-a -- ${command}`] }));
      await expect(page.locator(".flow-head .end")).toContainText(end);
      await expect(page.locator(".flow-head p").first()).toContainText(told);
    });
  }

  test("a packet that waits and is sent again is told as such", async ({ page }) => {
    await podhop.open(link({ files: inPods(clusters.pair), commands: ["kubectl exec pod-a -- nc -z -w 8 10.244.2.77 80"] }));
    await expect(page.locator(".group-title", { hasText: /SYN/ })).not.toHaveCount(0);
    await page.keyboard.press("End");
    await expect(page.locator(".step-head", { hasText: "Neighbour" }).first()).toBeVisible();
    await expect(page.locator(".v-wait").first()).toBeAttached();
    await expect(page.locator(".v-drop").first()).toContainText("dropped");
    await expect(page.locator(".tick.wait").first()).toContainText("3 s later");
  });
});

test.describe("very much of it", () => {
  const spare = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

  for (const width of [1440, 1024, 390]) {
    test(`names of 63 characters do not push anything off a screen of ${width} px`, async ({ page }) => {
      await page.setViewportSize({ width, height: 844 });
      const name = clusters.longName;
      await podhop.open(
        link({
          title: name("A scenario"),
          files: { [`${name("file").slice(0, 55)}.yaml`]: clusters.longNames },
          commands: [`kubectl -n ${name("shop")} exec ${name("pod-a")} -- ping -c 1 10.244.1.2`],
        }),
      );
      await expect(page.locator(".heading h2")).toHaveText(/^ping/);
      expect(await spare(page)).toBeLessThanOrEqual(0);
      for (const area of await page.getByRole("tab", { name: /Journey|Headers|Tables|Object|YAML|Flows|Timeline/ }).all()) {
        if (!(await area.isVisible())) continue;
        await area.click();
        expect(await spare(page)).toBeLessThanOrEqual(0);
        const wider = await page.evaluate(() =>
          [...document.querySelectorAll(".insp, .edit, .dock")].filter((area) => area.scrollWidth > area.clientWidth + 1).map((area) => area.id),
        );
        expect(wider, await area.textContent()).toEqual([]);
      }
      expect(podhop.problems).toEqual([]);
    });
  }

  test("110 Pods on a node: each can be found", async ({ page }) => {
    await podhop.open(link({ files: inPods(`${clusters.pair}---\n${clusters.crowded}`) }));
    await expect(page.getByRole("treeitem", { name: /Node worker-1, .* 110 Pods|Node worker-1, .* 11\d Pods/ })).toBeAttached();
    await find("10.244.1.77");
    await expect(card(/^Pod crowd-/)).toContainText("10.244.1.77");
  });

  test("1,000 nodes: what their Pod network has no room for is said once each, and the page lives", async ({ page }) => {
    await podhop.open(link({ files: inPods(clusters.thousandNodes) }));
    await expect(podhop.problemList).toContainText("take a larger Pod subnet");
    await podhop.run("kubectl get nodes --no-headers | wc -l");
    await expect(podhop.output).toContainText("1000");
    await find("n999");
    await expect(card("Node n999")).toBeVisible();
  });
});

test.describe("a very large dump", () => {
  const drop = (page, text) =>
    page.evaluate((text) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([text], "dump.yaml"));
      document.querySelector(".stage").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    }, text);

  test("is shown by its beginning, and applied whole", async ({ page }) => {
    await podhop.open();
    await drop(page, clusters.dump(10_000));
    const state = page.locator(".file-line");
    await expect(state).toContainText("2 MB: only the beginning is shown, and not edited here");
    await expect(alert()).toBeHidden();
    expect((await podhop.manifests()).length).toBeLessThan(200_000);
    await expect(podhop.editor).not.toBeEditable();
    await podhop.button("Apply").click();
    await expect(state).toContainText("live");
    await podhop.run("kubectl get pods --no-headers | wc -l");
    await expect(podhop.output).toContainText("10002");
    expect(podhop.problems).toEqual([]);
  });

  test("is not mended where it is cut, and says what of it is not shown", async ({ page }) => {
    const wrong = (name) =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: app, image: nginx, comand: [sleep]}]}\n`;
    const text = [wrong("first"), clusters.dump(10_000), wrong("last")].join("---\n");
    await podhop.open();
    await podhop.richEditor();
    await drop(page, text);
    await expect(page.locator(".file-line")).toContainText("2 MB: only the beginning is shown");
    await expect(podhop.problemList.getByRole("button", { name: "Fix" })).toHaveCount(2);
    await expect(page.locator(".cm-lintRange-warning")).toHaveText("comand");
    const shown = await podhop.manifests();
    await podhop.editor.press("Control+Home");
    await podhop.editor.press("F8");
    await expect(page.locator(".cm-tooltip", { hasText: 'unknown field "comand"' })).toBeVisible();
    await expect(page.locator(".cm-tooltip").getByRole("button")).toHaveCount(0);
    await podhop.editor.press("Control+.");
    expect(await podhop.manifests()).toBe(shown);
    const line = text.split("\n").length - 1;
    await podhop.problemList.getByRole("button", { name: `line ${line}:` }).click();
    await expect(alert()).toContainText(`Line ${line.toLocaleString("en")} of dump.yaml is not shown`);
    // On paper it ends there, too.
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    await expect(page.locator("#printout")).toContainText("Only the beginning of 2 MB is printed.");
    expect((await page.locator("#printout").textContent()).length).toBeLessThan(300_000);
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    // The whole of it can be mended in the list.
    await podhop.problemList.getByRole("button", { name: "Fix" }).first().click();
    await expect(podhop.problemList.getByRole("button", { name: "Fix" })).toHaveCount(1);
    await expect(page.locator(".file-line")).toContainText("2 MB: only the beginning is shown");
  });

  test("can be stopped while it is read: the cluster before it stays", async ({ page }) => {
    await podhop.open();
    await podhop.flowPlayed();
    await drop(page, clusters.dump(100_000));
    // First the file's size, then how far the worker has come.
    await expect(alert()).toContainText(/Reading(?: dump\.yaml, 2\d MB|: \d)/);
    await podhop.button("Stop").click();
    await expect(alert()).toContainText("Stopped. The cluster was started again from the last good files.");
    await expect.poll(() => podhop.manifests()).toContain("pod-a");
    await podhop.run("kubectl get pods -o name");
    await expect(podhop.output).toContainText("pod/pod-b");
  });
});

test("Escape closes an open dialog before the card beneath it", async ({ page }) => {
  await podhop.open();
  await find("pod-a");
  await expect(card("Pod pod-a")).toBeVisible();
  await podhop.button("Settings").click();
  const dialog = page.getByRole("dialog", { name: "Settings" });
  await expect(dialog).toBeVisible();
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(card("Pod pod-a")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(card("Pod pod-a")).toBeHidden();
});

test("a card with much to say is not cut off at the stage's edge", async ({ page }) => {
  const labels = ["a", "b", "c", "d"].map((key) => `${key}: ${clusters.longName(key)}`).join(", ");
  await podhop.open(link({ files: inPods(clusters.pair.replace("labels: {app: a}", `labels: {${labels}}`)) }));
  await page.setViewportSize({ width: 1100, height: 560 });
  await find("pod-a");
  await expect(card("Pod pod-a")).toBeVisible();
  const inside = () =>
    card("Pod pod-a").evaluate((card) => {
      const [of, stage] = [card, document.querySelector(".canvases")].map((element) => element.getBoundingClientRect());
      return of.top >= stage.top && of.bottom <= stage.bottom && card.scrollHeight - card.clientHeight;
    });
  await expect.poll(inside).not.toBe(false);
});

test("another session ends the engine of the one before", async ({ page }) => {
  await podhop.open();
  await podhop.flowPlayed();
  await podhop.button("Lab 1 · Pod to Pod").click();
  await page.getByRole("dialog").getByRole("button", { name: /^Two Pods on one node/ }).click();
  await expect(page.locator(".heading h2")).toHaveText(/^ping/);
  await expect.poll(() => page.workers().length).toBe(1);
});

test("on paper: the picture, the conversation and the manifests, and nothing to click", async ({ page }) => {
  await podhop.open();
  await podhop.flowPlayed();
  // As the browser does before it prints.
  const told = page.evaluate(() => new Promise((printed) => addEventListener("beforeprint", () => setTimeout(() => printed(document.body.innerText)))));
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  await told;
  const sheet = page.getByRole("article");
  await expect(sheet.getByRole("heading", { level: 1 })).toHaveText("podhop: Lab 1 · Pod to Pod");
  await expect(sheet.getByRole("img", { name: /^Picture of ping/ })).toBeVisible();
  await expect(sheet).toContainText("10.244.2.0/24 via 10.244.2.0 dev flannel.1");
  await expect(sheet.locator("pre")).toContainText("name: pod-b");
  await expect(page.getByRole("button")).toHaveCount(0);
  const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(paper).toBe("rgb(255, 255, 255)");
  expect((await page.pdf({ format: "A4" })).length).toBeGreaterThan(20_000);
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  await page.emulateMedia({ media: "screen" });
  await expect(sheet).toHaveCount(0);
  await expect(podhop.button("Play")).toBeVisible();
});

test("in forced colours the stage and the page use the system's", async ({ page }) => {
  await page.emulateMedia({ forcedColors: "active", reducedMotion: "reduce" });
  await podhop.open();
  const tokens = await page.evaluate(() => {
    const style = getComputedStyle(document.documentElement);
    const names = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).filter((rule) => rule.selectorText === ":root");
    const colours = [...names[0].style].filter((name) => /^(#|rgb)/.test(names[0].style.getPropertyValue(name).trim()));
    return colours.map((name) => [name, style.getPropertyValue(name).trim()]);
  });
  const own = tokens.filter(([, value]) => !/^(Canvas|CanvasText|LinkText|transparent)$/i.test(value));
  expect(own).toEqual([]);
  await expect(podhop.presentStep).toBeVisible();
});

test("for a projector: larger type, more contrast, nothing off the screen", async ({ page }) => {
  await page.addInitScript(() => localStorage.setItem("podhop.size", "projector"));
  await page.setViewportSize({ width: 1280, height: 720 });
  await podhop.open();
  await podhop.flowPlayed();
  const size = await page.evaluate(() => parseFloat(getComputedStyle(document.querySelector(".step .sentence")).fontSize));
  expect(size).toBeGreaterThanOrEqual(17);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
});

import { expect, test } from "@playwright/test";
import { PodhopPage } from "../pages/podhop.js";

let podhop;

test.beforeEach(async ({ page }) => {
  podhop = new PodhopPage(page);
  await podhop.open();
});

test.afterEach(() => {
  expect(podhop.problems).toEqual([]);
});

test("opens on a ping between two nodes and plays it once, in less than five seconds of motion", async ({ page }) => {
  await expect(podhop.output).toContainText("kubectl exec pod-a -- ping -c 3 10.244.2.2");
  await expect(podhop.output).toContainText("3 packets transmitted, 3 packets received, 0% packet loss");
  await expect(podhop.button("Pause")).toBeVisible();
  const start = Date.now();
  await podhop.flowPlayed();
  expect(Date.now() - start).toBeLessThan(6_000);
  await expect(podhop.button("Play")).toBeVisible();
  await expect(podhop.presentStep).toContainText("pod-a");
  await expect(page.locator(".heading h2")).toHaveText("ping -c 3 10.244.2.2");
});

test("steps forward and back, to both ends, and scrubs", async ({ page }) => {
  await podhop.flowPlayed();
  await podhop.button("First step").click();
  const first = await podhop.presentStep.textContent();
  await podhop.button("Step").click();
  await expect(podhop.presentStep).not.toHaveText(first);
  const second = await podhop.presentStep.textContent();
  await expect(podhop.button("Play")).toBeVisible();
  await podhop.button("Step").click();
  await expect(podhop.presentStep).not.toHaveText(second);
  await podhop.button("Step back").click();
  await expect(podhop.presentStep).toHaveText(second);
  await podhop.button("Last step").click();
  await expect(podhop.presentStep).toContainText("pod-a");
  const scrubber = page.getByRole("slider");
  await scrubber.fill("0");
  await expect(podhop.presentStep).toHaveText(first);
  await expect(scrubber).toHaveAttribute("aria-valuetext", /ICMP echo request/);
});

test("a step leads to its row in the table, and to its line of YAML", async ({ page }) => {
  await podhop.flowPlayed();
  const step = page.locator(".step", { has: page.locator(".cause .link") }).first();
  await step.locator(".step-head").click();
  await expect(step.locator(".step-head")).toHaveAttribute("aria-current", "step");
  await expect(page.locator(".ln.hit").first()).toBeVisible();
  const text = await step.locator(".row").textContent();
  await step.locator(".row").click();
  await expect(podhop.tab("Tables")).toHaveAttribute("aria-selected", "true");
  await expect(page.locator(".rows .on .text")).toHaveText(text);
});

test("headers follow the step, encapsulation included", async ({ page }) => {
  await podhop.flowPlayed();
  await page.locator(".step-head", { hasText: "Switch" }).first().click();
  await podhop.tab("Headers").click();
  await expect(page.locator(".layer summary")).toContainText(["Ethernet II", "Internet Protocol"]);
  await expect(page.locator(".layer summary", { hasText: /Virtual eXtensible/ })).toHaveCount(1);
  await page.locator(".layer .field").first().click();
  await expect(page.locator(".hex .lit")).not.toHaveCount(0);
});

test("invalid YAML keeps the last good cluster and says where it is wrong; mending it applies", async () => {
  await podhop.flowPlayed();
  const good = await podhop.manifests();
  const revision = await podhop.revision();
  await podhop.write(good.replace("kind: Pod", "kind: [Pod"));
  await expect(podhop.problemList).toBeVisible();
  await expect(podhop.problemList.getByRole("button", { name: /error at line \d+:\d+/ }).first()).toBeVisible();
  await expect(podhop.page.locator(".file-state")).toHaveText(/last good cluster still runs/);
  expect(await podhop.revision()).toBe(revision);
  await podhop.run("kubectl get pods");
  await expect(podhop.output).toContainText(/pod-a +1\/1 +Running/);
  await podhop.edit(() => good.replace("app: b", "app: c"));
  await expect(podhop.page.locator(".file-state")).toHaveText(/live/);
  await podhop.run("kubectl get pods -l app=c -o name");
  await expect(podhop.output).toContainText("pod/pod-b");
});

test("an unknown field is underlined, and one click mends it", async ({ page }) => {
  await podhop.flowPlayed();
  const good = await podhop.manifests();
  await podhop.edit((text) => text.replace("labels:", "lables:"));
  await expect(podhop.problemList).toContainText('unknown field "lables"');
  await expect(page.locator(".under .u-warning, .cm-lintRange-warning")).toHaveText("lables");
  await podhop.problemList.getByRole("button", { name: "Fix" }).click();
  await expect.poll(() => podhop.manifests()).toBe(good);
  await expect(page.locator(".under .u-warning, .cm-lintRange-warning")).toHaveCount(0);
});

test("the terminal runs commands, recalls them, and its lines play their packets", async () => {
  await podhop.flowPlayed();
  await podhop.run("kubectl get nodes");
  await expect(podhop.output).toContainText(/worker-2 +Ready/);
  await podhop.run("kubectl get nonsense");
  await expect(podhop.output.locator(".err")).toContainText("doesn't have a resource type");
  await podhop.terminal.press("ArrowUp");
  await podhop.terminal.press("ArrowUp");
  await expect(podhop.terminal).toHaveValue("kubectl get nodes");
  await podhop.output.getByRole("button", { name: /seq=1/ }).click();
  await expect(podhop.page.locator(".heading p")).toContainText("seq 1");
});

test("lines pasted together run as one script, here-document included", async ({ page }) => {
  await podhop.flowPlayed();
  const script = `kubectl apply -f - <<EOF\napiVersion: v1\nkind: Namespace\nmetadata: {name: pasted}\nEOF\n`;
  await podhop.terminal.evaluate((input, text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", text);
    input.dispatchEvent(new ClipboardEvent("paste", { clipboardData, cancelable: true, bubbles: true }));
  }, script);
  await expect(podhop.output).toContainText("namespace/pasted created");
  await expect(podhop.terminal).toHaveValue("");
});

test("a hop of traceroute stands in one line, and each probe of it can be clicked", async () => {
  await podhop.flowPlayed();
  await podhop.run("kubectl exec pod-a -- traceroute 10.244.2.2");
  await expect(podhop.output).toContainText(/ 2  10\.244\.2\.0 \(10\.244\.2\.0\)  [\d.]+ ms  [\d.]+ ms  [\d.]+ ms/);
  const probes = podhop.output.getByRole("button", { name: /10\.244\.2\.0/ });
  const [first, second] = [probes.first(), probes.first().locator("xpath=following::button[1]")];
  const tops = await Promise.all([first, second].map(async (probe) => (await probe.boundingBox()).y));
  expect(Math.abs(tops[0] - tops[1])).toBeLessThan(4);
});

test("packets of an earlier cluster are not drawn on a later one; the command can be run again", async ({ page }) => {
  await podhop.flowPlayed();
  const note = page.locator(".outdated");
  await expect(note).toBeHidden();
  await podhop.edit((text) => `${text}---\napiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n`);
  await expect(note).toBeHidden();
  await podhop.edit((text) => text.replace("name: pod-b", "name: pod-c"));
  await expect(note).toContainText("Recorded before the cluster changed");
  await note.getByRole("button", { name: "Run it again" }).click();
  await expect(note).toBeHidden();
  await expect(podhop.tab(/Flows 2/)).toBeVisible();
});

test("a conversation that fails shows where and why", async () => {
  await podhop.run("kubectl exec pod-a -- nc -z -w 2 10.244.2.2 81");
  await podhop.tab(/Flows 2/).click();
  await podhop.page.locator(".flow").first().click();
  await podhop.button("Last step").click();
  await expect(podhop.page.locator(".flow-head .v-refuse")).toContainText("refused");
});

test("a Pod that is chosen shows its object and how its network came to be", async ({ page }) => {
  await podhop.flowPlayed();
  const tree = page.getByRole("tree", { name: "Nodes, Pods and devices" });
  await tree.getByRole("treeitem", { name: /worker-1/ }).focus();
  await page.keyboard.press("ArrowRight");
  const pod = tree.getByRole("treeitem", { name: /Pod pod-a/ });
  await expect(pod).toHaveCount(1);
  await pod.focus();
  await page.keyboard.press("Enter");
  await expect(page.locator(".object-title")).toHaveText("pod/pod-a");
  await expect(page.locator(".setup li").first()).toBeVisible();
});

test("the theme is kept", async ({ page }) => {
  const html = page.locator("html");
  await page.getByRole("button", { name: /theme/ }).click();
  const theme = await html.getAttribute("data-theme");
  await page.reload();
  await podhop.ready();
  await expect(html).toHaveAttribute("data-theme", theme);
});

test("a worker that traps is replaced, and the page says so", async ({ page }) => {
  await page.addInitScript(() => {
    globalThis.Worker = class extends globalThis.Worker {
      constructor(...about) {
        super(...about);
        globalThis.lastWorker = this;
      }
    };
  });
  await podhop.open();
  await podhop.flowPlayed();
  await page.evaluate(() => {
    // As the browser tells of a trap.
    globalThis.lastWorker.dispatchEvent(new ErrorEvent("error", { message: "unreachable" }));
  });
  await expect(page.getByRole("alert")).toContainText("started again from the last good files");
  await podhop.run("kubectl get pods");
  await expect(podhop.output).toContainText(/pod-b +1\/1 +Running/);
});

test("the opening shows nothing that a late style sheet is for, and the palette never stands without its own", async ({ page }) => {
  await podhop.flowPlayed();
  expect(await page.evaluate(() => document.adoptedStyleSheets.length)).toBe(0);
  await page.keyboard.press("Control+k");
  await expect(page.locator(".palette")).toBeVisible();
  await expect(page.locator(".palette .choice").first()).toHaveCSS("display", "flex");
  const late = await page.evaluate(() => {
    const selectors = (rules) => [...rules].flatMap((rule) => rule.selectorText ?? selectors(rule.cssRules));
    return document.adoptedStyleSheets.flatMap((sheet) => selectors(sheet.cssRules));
  });
  expect(late.length).toBeGreaterThan(100);
  await podhop.open();
  await podhop.flowPlayed();
  const shown = await page.evaluate(
    (late) => late.filter((selector) => document.querySelector(selector.replace(/:(hover|focus-visible)/g, ""))),
    late,
  );
  expect(shown).toEqual([]);
});

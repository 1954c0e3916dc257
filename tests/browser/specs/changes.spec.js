import { expect, test } from "@playwright/test";
import { PodhopPage } from "../pages/podhop.js";

let podhop;

test.beforeEach(async ({ page }) => {
  podhop = new PodhopPage(page);
  await podhop.open();
  await podhop.flowPlayed();
});

test.afterEach(async () => {
  expect(podhop.problems).toEqual([]);
  expect(await podhop.cspViolations()).toEqual([]);
});

const strip = (page) => page.locator(".changed-strip");
const title = (page, text) => page.locator("#pane-stage h2", { hasText: text });
const pod = (name, more = "") =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\n${more}spec: {containers: [{name: app, image: busybox, command: [sleep, infinity]}]}\n`;

test("a Pod that is typed is told of, is in the tree as new, and its rows are counted", async ({ page }) => {
  await podhop.edit((text) => `${text}${pod("pod-c")}`);
  await expect(strip(page)).toContainText("+1 Pod");
  await expect(strip(page)).toContainText(/\+1 Pod, \d+ rows? changed/);
  // Read out when it is counted, and only then.
  await expect(page.getByRole("status").filter({ hasText: /^\+1 Pod, \d+ rows? changed/ })).toHaveCount(1);
  await strip(page).getByRole("button", { name: "List" }).click();
  const list = page.getByRole("list", { name: "What changed" });
  await expect(list.getByRole("button")).toContainText([/\+ pod-c\s*new · worker-\d, 10\.244\./, /worker-\d/]);
  await list.getByRole("button", { name: /pod-c/ }).click();
  await expect(podhop.tab("pod-c")).toHaveAttribute("aria-selected", "true");
  const row = page.getByRole("treeitem", { name: /^Node worker-/ });
  await row.first().focus();
  await page.keyboard.press("ArrowRight");
  await row.nth(1).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("treeitem", { name: /Pod pod-c, .*, new$/ })).toBeAttached();
  await podhop.button("Dismiss what changed").click();
  await expect(strip(page)).toBeHidden();
});

test("a Pod that the console deletes is told of until the next command", async ({ page }) => {
  await podhop.run("kubectl delete pod pod-b");
  await expect(strip(page)).toContainText("−1 Pod");
  await strip(page).getByRole("button", { name: "List" }).click();
  await expect(page.getByRole("list", { name: "What changed" })).toContainText("− pod-bgone · worker-2");
  await podhop.run("kubectl get pods");
  await expect(strip(page)).toBeHidden();
});

test("Undo brings back what a command took away, at its address, and Ctrl-Shift-Z takes it again", async ({ page }) => {
  const podA = page.getByRole("treeitem", { name: /^Node worker-1/ });
  await podA.focus();
  await page.keyboard.press("ArrowRight");
  const item = page.getByRole("treeitem", { name: /^Pod pod-a,/ });
  const before = await item.textContent();
  expect(before).toContain("10.244.1.2");
  await podhop.run("kubectl delete pod pod-a");
  await expect(strip(page)).toContainText("−1 Pod");
  await expect(item).toHaveCount(0);
  await strip(page).getByRole("button", { name: "Undo" }).click();
  await expect(item).toContainText("10.244.1.2");
  await page.locator("h1").click();
  await page.keyboard.press("Control+Shift+Z");
  await expect(item).toHaveCount(0);
  await podhop.run("kubectl get pod pod-a");
  await expect(podhop.output).toContainText('pods "pod-a" not found');
});

test("what is typed and not applied survives an undo", async ({ page }) => {
  await podhop.run("kubectl delete pod pod-b");
  await expect(strip(page)).toContainText("−1 Pod");
  const typed = `${await podhop.manifests()}---\nkind: [Pod\n`;
  await podhop.write(typed);
  await expect(page.locator(".file-state")).toHaveText(/last good cluster/);
  await strip(page).getByRole("button", { name: "Undo" }).click();
  await podhop.run("kubectl get pods -o name");
  await expect(podhop.output).toContainText("pod/pod-b");
  expect(await podhop.manifests()).toBe(typed);
  await expect(page.locator(".file-state")).toHaveText(/last good cluster/);
});

test("in a loop the conversation begins again when it has ended", async ({ page }) => {
  const ms = page.getByRole("slider", { name: "Moment of the conversation" });
  const loop = podhop.button("Loop");
  await loop.click();
  await expect(loop).toHaveAttribute("aria-pressed", "true");
  await ms.fill("970");
  await podhop.button("Play").click();
  await expect.poll(async () => Number(await ms.inputValue())).toBeLessThan(500);
  await expect(podhop.button("Pause")).toBeVisible();
  await page.locator("h1").click();
  await page.keyboard.press("l");
  await expect(loop).toHaveAttribute("aria-pressed", "false");
  await ms.fill("970");
  await podhop.button("Play").click();
  await expect(podhop.button("Play")).toBeVisible();
  await expect(ms).toHaveValue("1000");
});

test("an edit after which Pods reach each other no more says which, and a click shows where packets stay", async ({
  page,
}) => {
  await podhop.edit((text) => `${text}${pod("pod-c", "status: {podIP: 10.99.0.7}\n")}${pod("pod-d")}`);
  await page.waitForTimeout(5_000);
  await podhop.edit((text) => text.replace("status: {podIP: 10.99.0.7}\n", ""));
  await expect(strip(page)).toContainText(/1 Pod changed.*pairs? reachable now/, { timeout: 20_000 });
  await strip(page).getByRole("button", { name: "List" }).click();
  await page
    .getByRole("list", { name: "What changed" })
    .getByRole("button", { name: /→ pod-c/ })
    .first()
    .click();
  await expect(podhop.output).toContainText(/ping -c 3 10\.244\.\d+\.\d+/);
});

test("an edit that changes nothing of the picture says nothing", async ({ page }) => {
  await podhop.edit((text) => `${text}---\napiVersion: v1\nkind: Namespace\nmetadata: {name: more}\n`);
  await page.waitForTimeout(1_500);
  await expect(strip(page)).toHaveCount(0);
});

test("several flows start together, are stepped as one, and the followed one can be changed", async ({ page }) => {
  await podhop.run("kubectl exec pod-b -- ping -c 1 10.244.1.2");
  await podhop.run("ssh worker-1 ping -c 1 172.18.0.4");
  await expect(podhop.tab("Flows 3")).toBeVisible();
  await podhop.tab("Flows 3").click();
  await page.getByRole("checkbox", { name: /pod-a → pod-b/ }).check();
  const more = page.getByText("1 more flow at the same time.");
  await expect(more).toBeVisible();
  await podhop.button("Play all at once").click();
  await expect(page.getByText("2 more flows at the same time.")).toBeVisible();
  await expect(title(page, "ping -c 1 172.18.0.4")).toBeVisible();
  const ms = page.getByRole("slider", { name: "Moment of the conversation" });
  await podhop.button("Last step").click();
  await expect(ms).toHaveValue("1000");
  await podhop.button("First step").click();
  await podhop.button("Step").click();
  await expect(ms).not.toHaveValue("1000");
  // Choosing one that plays follows it; the others stay.
  await page.getByRole("button", { name: /pod-b → pod-a/ }).click();
  await expect(title(page, "ping -c 1 10.244.1.2")).toBeVisible();
  await expect(page.getByText("2 more flows at the same time.")).toBeVisible();
  await podhop.button("Only this one").click();
  await expect(page.getByText("more flows at the same time.")).toBeHidden();
  await expect(page.getByRole("checkbox", { name: /pod-a → pod-b/ })).not.toBeChecked();
});

test("a flow that is chosen twice before it is there is taken back, and the box of the followed one keeps the focus", async ({
  page,
}) => {
  await podhop.run("kubectl exec pod-b -- ping -c 1 10.244.1.2");
  await podhop.tab("Flows 2").click();
  const first = page.getByRole("checkbox", { name: /pod-a → pod-b/ });
  const more = page.getByText("1 more flow at the same time.");
  const clicks = (count) => first.evaluate((box, count) => Array.from({ length: count }, () => box.click()), count);
  await clicks(2);
  await page.waitForTimeout(500);
  await expect(first).not.toBeChecked();
  await expect(more).toHaveCount(0);
  await clicks(3);
  await expect(more).toBeVisible();
  await expect(first).toBeChecked();
  // The other flow is the one that is followed.
  const followed = page.getByRole("checkbox", { name: /pod-b → pod-a/ });
  await followed.focus();
  await page.keyboard.press("Space");
  await expect(title(page, "ping -c 3 10.244.2.2")).toBeVisible();
  await expect(followed).not.toBeChecked();
  await expect(followed).toBeFocused();
});

test("a flow beside one that is outdated is still drawn", async ({ page }) => {
  await podhop.run("ssh worker-1 ping -c 1 172.18.0.4");
  await podhop.tab("Flows 2").click();
  await page.getByRole("button", { name: /pod-a → pod-b/ }).click();
  await page.getByRole("checkbox", { name: /worker-1 → worker-2/ }).check();
  await expect(page.getByText("1 more flow at the same time.")).toBeVisible();
  await podhop.tab("Terminal").first().click();
  await podhop.run("kubectl delete pod pod-b");
  await expect(page.getByText("Recorded before the cluster changed.")).toBeVisible();
  await podhop.button("Dismiss what changed").click();
  const drawn = async (step) => {
    await podhop.button(step).click();
    await page.waitForTimeout(200);
    return page.locator(".canvases canvas").nth(1).evaluate((canvas) => canvas.toDataURL());
  };
  expect(await drawn("First step")).not.toBe(await drawn("Last step"));
});

test("Ping all shows all its flows at once", async ({ page }) => {
  await podhop.button("Ping all").click();
  await expect(page.locator(".reach")).toContainText("3 of 3 Pods answer.");
  await podhop.button("Show them all").click();
  await expect(page.getByText("2 more flows at the same time.")).toBeVisible();
});

test("a packet of any flow can be picked on the stage and opens its journey", async ({ page }) => {
  await podhop.run("kubectl exec pod-b -- ping -c 1 10.244.1.2");
  await podhop.tab("Flows 2").click();
  await page.getByRole("checkbox", { name: /pod-a → pod-b/ }).check();
  await expect(page.getByText("1 more flow at the same time.")).toBeVisible();
  await podhop.tab("Headers").click();
  await podhop.button("First step").click();
  const heading = title(page, "ping -c 3 10.244.2.2");
  const stage = await page.locator(".canvases").boundingBox();
  for (let y = stage.y + 130; y < stage.y + 300 && !(await heading.isVisible()); y += 8) {
    for (let x = stage.x + 20; x < stage.x + stage.width && !(await heading.isVisible()); x += 40) {
      await page.mouse.click(x, y);
    }
  }
  await expect(heading).toBeVisible();
  await expect(podhop.tab("Journey").first()).toHaveAttribute("aria-selected", "true");
});

test("the stage and the editor are written in letters of the size that is set", async ({ page }) => {
  const shot = async () => (await page.locator(".canvases").screenshot()).toString("base64");
  const line = () => page.locator(".ln").first().evaluate((line) => [line.offsetHeight, getComputedStyle(line).fontSize]);
  const before = await shot();
  expect(await line()).toEqual([20, "12.5px"]);
  await page.evaluate(() => document.querySelector("#open-settings").click());
  await page.getByRole("radio", { name: /^Projector/ }).check();
  await page.keyboard.press("Escape");
  await expect.poll(shot).not.toBe(before);
  expect((await line())[0]).toBeGreaterThan(26);
  // What is under the pointer is still what is drawn there.
  const stage = await page.locator(".canvases").boundingBox();
  const seen = new Set();
  for (let y = stage.y + 80; y < stage.y + stage.height; y += 30) {
    for (let x = stage.x + 30; x < stage.x + stage.width; x += 50) {
      await page.mouse.move(x, y);
      const card = page.locator(".card:visible h3");
      if (await card.count()) seen.add(await card.textContent());
    }
  }
  expect([...seen].join()).toContain("Pod pod-a");
});

test("Look inside goes to a node's stations, where packets stop", async ({ page }) => {
  await page.locator("h1").click();
  await page.keyboard.press("/");
  await page.keyboard.type("worker-1");
  await page.keyboard.press("Enter");
  const before = await page.locator(".canvases").screenshot();
  await podhop.button("Look inside").click();
  await expect.poll(async () => (await page.locator(".canvases").screenshot()).equals(before)).toBe(false);
  await podhop.button("Follow the packet").click();
  await expect(podhop.button("Follow the packet")).toHaveAttribute("aria-pressed", "true");
});

test("the site has its signs: icons, and a card for links", async ({ page }) => {
  for (const selector of ['link[rel="icon"]', 'link[rel="alternate icon"]', 'link[rel="apple-touch-icon"]']) {
    const address = await page.locator(selector).evaluate((link) => link.href);
    expect((await page.request.get(address)).status(), selector).toBe(200);
  }
  const card = await page.locator('meta[property="og:image"]').getAttribute("content");
  const bytes = await (await page.request.get(new URL(card, page.url()).href)).body();
  expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([1200, 630]);
  await expect(page.getByRole("heading", { level: 1, name: "podhop" })).toBeVisible();
});

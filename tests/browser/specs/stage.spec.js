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

const tree = (page) => page.getByRole("tree", { name: "Nodes, Pods and devices" });
const card = (page, name) => page.getByRole("group", { name });
const menu = (page) => page.getByRole("menu");

/** Where a Pod of the opening picture is: its card says which one is under the pointer. */
async function find(page, pod) {
  const stage = await page.locator(".canvases").boundingBox();
  for (let y = stage.y + 70; y < stage.y + stage.height; y += 24) {
    for (let x = stage.x + 30; x < stage.x + stage.width; x += 40) {
      await page.mouse.move(x, y);
      if (await card(page, `Pod ${pod}`).isVisible()) return { x, y };
    }
  }
  throw new Error(`${pod} is not on the stage`);
}

/** To the tree's first row, as the Tab key gets there. */
async function enterTree(page) {
  await tree(page).locator('[tabindex="0"]').focus();
}

test("dragging from pod-a to pod-b pings it, and the terminal shows the command", async ({ page }) => {
  const [from, to] = [await find(page, "pod-a"), await find(page, "pod-b")];
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move((from.x + to.x) / 2, from.y, { steps: 4 });
  await page.mouse.move(to.x, to.y, { steps: 4 });
  await page.mouse.up();
  await expect(menu(page)).toBeVisible();
  await menu(page).getByRole("menuitem", { name: /^Ping/ }).click();
  await expect(menu(page)).toBeHidden();
  await expect(podhop.output).toContainText(/(exec pod-a -- ping -c 3 10\.244\.2\.2[^]*){2}/);
  await expect(podhop.output).toContainText(/(3 packets received[^]*){2}/);
  await expect(podhop.tab("Flows 2")).toBeVisible();
});

test("a drag that ends nowhere, or with Escape, sends nothing", async ({ page }) => {
  const from = await find(page, "pod-a");
  await page.mouse.down();
  await page.mouse.move(from.x + 30, from.y + 30, { steps: 4 });
  await page.keyboard.press("Escape");
  await page.mouse.up();
  await expect(menu(page)).toBeHidden();
});

test("by keyboard: to the Pod, S, the target, the menu, and back to the tree with Escape", async ({ page }) => {
  await enterTree(page);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  while (!(await page.locator(":focus").textContent()).startsWith("Pod pod-a")) await page.keyboard.press("ArrowDown");
  await expect(card(page, "Pod pod-a")).toContainText("10.244.1.2");
  await page.keyboard.press("s");
  const field = page.getByRole("combobox", { name: "Send from pod-a to" });
  await expect(field).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(field).toBeHidden();
  await expect(tree(page).locator(":focus")).toContainText("Pod pod-a");
  await page.keyboard.press("s");
  await expect(field).toBeFocused();
  await page.keyboard.type("pod-b");
  await page.keyboard.press("Enter");
  await expect(menu(page).getByRole("menuitem").first()).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(menu(page).locator(":focus")).toContainText("nc -zv -w 2 10.244.2.2 80");
  await page.keyboard.press("Enter");
  await expect(podhop.output).toContainText("kubectl exec pod-a -- nc -zv -w 2 10.244.2.2 80");
});

test("slash searches by address, name and label; Enter goes there", async ({ page }) => {
  await page.locator("h1").click();
  await page.keyboard.press("/");
  const field = page.getByRole("combobox", { name: "Find a Pod or node" });
  await expect(field).toBeFocused();
  const options = page.getByRole("listbox", { name: "Found" }).getByRole("option");
  await field.fill("10.244.2.2");
  await expect(options).toHaveText([/pod-b/]);
  await field.fill("app=a");
  await expect(options).toHaveText([/pod-a/]);
  await field.fill("nothing-like-this");
  await expect(page.getByText("Nothing is found.")).toBeVisible();
  await field.fill("10.244.2.2");
  await page.keyboard.press("Enter");
  await expect(field).toBeHidden();
  await expect(card(page, "Pod pod-b")).toBeVisible();
  await expect(podhop.tab("pod-b")).toHaveAttribute("aria-selected", "true");
});

test("Ping all marks the Pods and says who answers, until it is dismissed", async ({ page }) => {
  await podhop.button("Ping all").click();
  await expect(page.locator(".reach")).toContainText(/pod-a: 3 of 3 Pods answer\./);
  await expect(podhop.output).toContainText("for ip in 10.244.2.2");
  await podhop.button("Dismiss the marks").click();
  await expect(page.locator(".reach")).toBeHidden();
});

test("by touch: tap the sender, Send…, tap the target", async ({ browser }) => {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, hasTouch: true });
  const page = await context.newPage();
  const phone = new PodhopPage(page);
  await phone.open(test.info().project.use.baseURL);
  await phone.flowPlayed();
  await phone.button("Find a Pod or node").tap();
  await page.getByRole("option", { name: /^pod-a/ }).tap();
  await card(page, "Pod pod-a").getByRole("button", { name: "Send…" }).tap();
  await page.getByRole("option", { name: /^pod-b/ }).tap();
  await menu(page).getByRole("menuitem", { name: /^Ping/ }).tap();
  await page.getByRole("tab", { name: "Terminal" }).first().tap();
  await expect(phone.output).toContainText(/(exec pod-a -- ping -c 3 10\.244\.2\.2[^]*){2}/);
  expect(phone.problems).toEqual([]);
  await context.close();
});

test("an address in any panel says whose it is, by pointer and by focus, and Escape takes it away", async ({ page }) => {
  const tip = page.getByRole("tooltip");
  const row = page.locator(".row", { hasText: "10.244.2.0/24" }).first();
  await row.hover();
  await expect(tip).toContainText("Pods of worker-2");
  await tip.hover();
  await expect(tip).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(tip).toBeHidden();
  await page.mouse.move(700, 20);
  await row.focus();
  await expect(tip).toContainText("10.244.2.0/24");
});

test("a thousand nodes: the map shows where one is, and a search goes to any of them", async ({ page }) => {
  const revision = await podhop.revision();
  // As a paste does it: Playwright's own filling takes long with so many lines.
  await podhop.editor.evaluate((editor) => {
    const node = (_, i) => `---\napiVersion: v1\nkind: Node\nmetadata: {name: n${i}}\n`;
    editor.value += Array.from({ length: 1000 }, node).join("");
    editor.dispatchEvent(new InputEvent("input", { bubbles: true }));
  });
  await expect.poll(() => podhop.revision()).toBeGreaterThan(revision);
  await page.locator("h1").click();
  await page.keyboard.press("/");
  await page.keyboard.type("n777");
  await page.keyboard.press("Enter");
  await expect(card(page, "Node n777")).toBeVisible();
  await expect(page.locator(".map")).toBeVisible();
  await expect(page.locator(".map")).toHaveAttribute("aria-hidden", "true");
  await podhop.button("All of it").click();
  await expect(page.locator(".map")).toBeHidden();
});

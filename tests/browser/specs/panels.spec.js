import { expect, test } from "@playwright/test";
import { deployment, node, pair } from "../pages/clusters.js";
import { PodhopPage } from "../pages/podhop.js";
import { link } from "../pages/session.js";

let podhop;

test.beforeEach(({ page }) => {
  podhop = new PodhopPage(page);
});

test.afterEach(async () => {
  expect(podhop.problems).toEqual([]);
  expect(await podhop.cspViolations()).toEqual([]);
});

const width = (page, id) => page.locator(id).evaluate((pane) => Math.round(pane.getBoundingClientRect().width));

const CARD = "[role=group][aria-label^='Pod ']";

/** Where the wire of a Pod begins, below the middle of the first one that the pointer finds, and its name. */
async function doorOf(page, name) {
  const stage = await page.locator(".canvases").boundingBox();
  const card = page.getByRole("group", { name });
  const over = async (x, y) => {
    await page.mouse.move(x, y);
    // The card itself stays while the pointer is on it.
    const onCard = await page.evaluate(([x, y, card]) => document.elementFromPoint(x, y)?.closest(card) != null, [x, y, CARD]);
    return !onCard && card.isVisible();
  };
  for (let y = stage.y + 90; y < stage.y + stage.height; y += 16) {
    for (let x = stage.x + 20; x < stage.x + stage.width; x += 24) {
      if (!(await over(x, y))) continue;
      const pod = (await card.getAttribute("aria-label")).replace("Pod ", "");
      let [left, right, bottom] = [x, x, y];
      while (await over(left - 3, y)) left -= 3;
      while (await over(right + 3, y)) right += 3;
      while (await over((left + right) / 2, bottom + 3)) bottom += 3;
      return { x: (left + right) / 2, y: bottom - 5, pod };
    }
  }
  throw new Error("there is no such Pod");
}

test("panels get other sizes by pointer and by keys, keep them, and go back", async ({ page }) => {
  await podhop.open();
  const before = await width(page, "#pane-editor");
  await page.mouse.move(500, 300);
  const edge = page.getByRole("separator", { name: "Width of the manifests" });
  await expect(edge).toHaveAttribute("aria-valuenow", String(before));
  const { x, y } = await edge.boundingBox();
  await page.mouse.move(x + 3, y + 200);
  await page.mouse.down();
  await page.mouse.move(x + 83, y + 200, { steps: 4 });
  await page.mouse.up();
  await expect.poll(() => width(page, "#pane-editor")).toBe(before + 80);
  await expect(edge).toHaveAttribute("aria-valuenow", String(before + 80));
  await edge.focus();
  await page.keyboard.press("ArrowLeft");
  await expect.poll(() => width(page, "#pane-editor")).toBe(before + 64);
  await page.reload();
  await podhop.ready();
  await expect.poll(() => width(page, "#pane-editor")).toBe(before + 64);
  await page.getByRole("separator", { name: "Width of the manifests" }).dblclick({ position: { x: 3, y: 100 } });
  await expect.poll(() => width(page, "#pane-editor")).toBe(before);
});

test("no panel grows out of bounds, and a phone has no edges", async ({ page }) => {
  await podhop.open();
  await page.keyboard.press("Tab");
  for (const [name, key] of [["Width of the inspector", "End"], ["Height of the console", "End"], ["Width of the manifests", "Home"]]) {
    await page.getByRole("separator", { name }).focus();
    await page.keyboard.press(key);
  }
  expect(await width(page, "#pane-editor")).toBe(150);
  expect(await width(page, "#pane-stage")).toBeGreaterThan(200);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 390, height: 844 });
  await expect(page.getByRole("separator")).toHaveCount(0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
});

test("the theme's button goes from the system's to light, dark, and back", async ({ page }) => {
  await podhop.open();
  const html = page.locator("html");
  for (const theme of ["light", "dark"]) {
    await page.getByRole("button", { name: /theme, change it$/ }).click();
    await expect(html).toHaveAttribute("data-theme", theme);
  }
  await page.getByRole("button", { name: "Dark theme, change it" }).click();
  await expect(html).not.toHaveAttribute("data-theme");
  await expect(page.getByRole("button", { name: "System theme, change it" })).toBeVisible();
});

test("lines of a command are pale until the packets come that they report, and at once dark for whoever goes on typing", async ({ page }) => {
  await podhop.open();
  const line = podhop.output.getByText(/seq=2 ttl=62/).first();
  const summary = podhop.output.getByText("3 packets received").first();
  const pale = (shown) => shown.locator("xpath=ancestor-or-self::*[contains(@class, 'to-come')]");
  await expect(line).toBeVisible();
  await expect(pale(line)).not.toHaveCount(0);
  await podhop.flowPlayed();
  await expect(pale(line)).toHaveCount(0);
  await expect(pale(summary)).toHaveCount(0);
  await podhop.run("kubectl exec pod-a -- ping -c 2 10.244.2.2");
  const again = podhop.output.getByText("2 packets received");
  await expect(again).toBeVisible();
  await expect(pale(again)).not.toHaveCount(0);
  await podhop.terminal.pressSequentially("k");
  await expect(pale(again)).toHaveCount(0);
});

test("with less motion output comes at once", async ({ page }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await podhop.open();
  await expect(podhop.output.getByText("3 packets received")).toBeVisible();
});

test("a misspelt field is told first, what follows from it is folded under it", async () => {
  await podhop.open();
  await podhop.flowPlayed();
  // The field table that knows names comes with the first edit.
  await podhop.edit((text) => `${text}---\napiVersion: v1\nkind: Namespace\nmetadata: {name: more}\n`);
  await podhop.write((await podhop.manifests()).replace("image:", "imag:"));
  const first = podhop.problemList.getByRole("listitem").first();
  await expect(first).toContainText('unknown field "imag"');
  await expect(first.getByRole("button", { name: "Fix" })).toBeVisible();
  const folded = podhop.problemList.getByText("Required value: image");
  await expect(folded).toBeHidden();
  await podhop.problemList.getByText("1 problem follows from it").click();
  await expect(folded).toBeVisible();
});

test("many problems that say the same are one", async () => {
  const nodes = Array.from({ length: 60 }, (_, at) => `${node(`n${at}`)}spec: {podCIDR: 10.244.${at}.0}\n`);
  await podhop.open(link({ files: { "nodes.yaml": nodes.join("---\n") } }));
  await expect(podhop.problemList).toContainText("59 more like it");
  await expect(podhop.problemList.getByText("10.244.1.0")).toBeHidden();
  await podhop.problemList.getByText("59 more like it").click();
  await expect(podhop.problemList.getByText("10.244.1.0")).toBeVisible();
});

test("a session that nobody has changed is not put aside, and Lab 1 is listed once", async ({ page }) => {
  await podhop.open(link({ files: { "a.yaml": pair } }));
  await podhop.button("Test").click();
  await expect(page.getByRole("dialog").getByRole("button", { name: /Pod to Pod/ })).toHaveCount(1);
  await page.getByRole("button", { name: /^Traceroute between Pods/ }).click();
  await expect(page.locator(".heading h2")).toHaveText(/^traceroute/);
  await expect(page.getByText("Your files were put aside.")).toBeHidden();
});

test("every Pod pings every Pod: all packets at once, each of which can be picked", async ({ page }) => {
  const web = deployment("web", 9).replace("image: nginx", "image: busybox, command: [sleep, infinity]");
  await podhop.open(link({ files: { "web.yaml": [node("n1"), node("n2"), web].join("---\n") } }));
  await podhop.button("Ping all").click();
  await expect(page.locator(".reach")).toContainText("10 of 10 Pods answer.");
  await podhop.button("Every Pod to every Pod").click();
  await expect(page.locator(".reach")).toContainText("9 Pods to 11: 99 of 99 pings are answered.");
  await podhop.button("Show them all").click();
  const told = page.locator(".heading").getByText("packets on their way");
  await expect(told).toContainText("99 flows, ");
  await podhop.button("First step").click();
  // At the beginning each is at the door of its sender, below the middle of the Pod.
  const { x, y, pod } = await doorOf(page, /^Pod web-/);
  await page.mouse.click(x, y);
  await expect(podhop.tab("Journey")).toHaveAttribute("aria-selected", "true");
  await expect(page.locator("#panel-journey .group-ends").first()).toContainText(`${pod} → `);
  await expect(told).toContainText("99 flows, ");
  await podhop.button("Only this one").click();
  await expect(told).toBeHidden();
});

// The first lab, from the list of scenarios to the line of YAML, without a pointer.
import { expect, test } from "@playwright/test";
import { PodhopPage } from "../pages/podhop.js";

let podhop;

test.beforeEach(async ({ page }) => {
  podhop = new PodhopPage(page);
  await page.addInitScript(() => {
    globalThis.pointed = [];
    for (const name of ["pointerdown", "pointermove", "mousedown", "mousemove", "touchstart", "wheel"]) {
      addEventListener(name, (event) => event.isTrusted && globalThis.pointed.push(name), true);
    }
  });
  await podhop.open();
});

test.afterEach(async ({ page }) => {
  expect(await page.evaluate(() => globalThis.pointed)).toEqual([]);
  expect(podhop.problems).toEqual([]);
});

const inEditor = () => podhop.page.evaluate(() => document.activeElement.matches("#editor, .rich"));

/** Presses Tab, or another key, until `there` is focused, as a person does who looks at the focus. */
async function reach(there, key = "Tab", most = 90) {
  for (let presses = 0; presses < most; presses += 1) {
    if (await there.evaluate((element) => element.matches(":focus")).catch(() => false)) return;
    // Tab indents in the editor, as its help says, until Escape.
    if (await inEditor()) await podhop.page.keyboard.press("Escape");
    await podhop.page.keyboard.press(key);
  }
  throw new Error(`${most} times ${key} do not lead there`);
}

test("the whole of Lab 1", async ({ page }) => {
  const keys = page.keyboard;

  // The scenario.
  await reach(podhop.button("Lab 1 · Pod to Pod"));
  await keys.press("Enter");
  await reach(page.getByRole("dialog").getByRole("button", { name: /^Pod to Pod/ }));
  await keys.press("Enter");
  await expect(page.locator(".heading h2")).toHaveText(/^ping -c 3/);
  await expect(podhop.output).toContainText("pod/pod-b created");

  // Its commands, to the last.
  const next = page.getByRole("group", { name: "The scenario's next command" });
  await reach(next.getByRole("button", { name: "Run" }));
  for (let left = 12; left > 0 && (await next.isVisible()); left -= 1) {
    const line = await next.locator("code").textContent();
    await keys.press("Enter");
    const now = async () => ((await next.isVisible()) ? next.locator("code").textContent() : "");
    await expect.poll(now).not.toBe(line);
  }
  await expect(next).toBeHidden();
  await expect(podhop.output).toContainText("10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink");
  await expect(podhop.output).toContainText("self permanent");

  // The flow, step by step.
  await keys.press("Escape");
  await reach(podhop.presentStep);
  await keys.press("Home");
  const first = await podhop.presentStep.textContent();
  await keys.press("ArrowDown");
  await expect(podhop.presentStep).not.toHaveText(first);
  // To where the row that decided is written in YAML.
  const step = page.locator(".step.on");
  for (let steps = 0; steps < 10 && !(await step.locator(".cause .link").isVisible()); steps += 1) {
    await keys.press("ArrowDown");
  }

  // The line of YAML of the row that decided, and the row in its table.
  await reach(step.locator(".cause .link"), "Tab", 4);
  await keys.press("Enter");
  await expect(page.locator(".ln.hit, .cm-marked").first()).toBeVisible();
  await reach(step.locator(".row"), "Shift+Tab", 4);
  const text = await step.locator(".row").textContent();
  await keys.press("Enter");
  await expect(podhop.tab("Tables")).toHaveAttribute("aria-selected", "true");
  await expect(page.locator(".rows .on .text")).toHaveText(text);
});

test("at 400 % every area can be reached and used", async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 225 });
  const areas = { Journey: ".step.on .step-head", YAML: "#editor", Terminal: ".line input, .line textarea", Cluster: ".heading h2" };
  await reach(page.getByRole("tab", { name: "Cluster" }));
  for (const [name, part] of Object.entries(areas)) {
    await reach(page.getByRole("tab", { name, exact: true }).first(), "ArrowRight", 5);
    await page.keyboard.press("Enter");
    const shown = page.locator(part).first();
    await shown.scrollIntoViewIfNeeded();
    await expect(shown).toBeInViewport();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  }
  // Whatever is focused can be seen.
  for (let presses = 0; presses < 25; presses += 1) {
    await page.keyboard.press("Tab");
    const seen = await page.evaluate(() => {
      const focused = document.activeElement;
      if (focused === document.body || focused.closest("[role=tree]")) return true;
      const { top, bottom, left, right } = focused.getBoundingClientRect();
      return bottom > 0 && right > 0 && top < innerHeight && left < innerWidth;
    });
    expect(seen, await page.evaluate(() => document.activeElement.outerHTML.slice(0, 120))).toBe(true);
    if (await inEditor()) await page.keyboard.press("Escape");
  }
});

import { AxeBuilder } from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import { PodhopPage } from "../pages/podhop.js";

const screens = {
  "light": { colorScheme: "light", viewport: { width: 1440, height: 900 } },
  "dark": { colorScheme: "dark", viewport: { width: 1440, height: 900 } },
  "360 px wide": { colorScheme: "light", viewport: { width: 360, height: 740 } },
  "1280 px wide at 400 %": { colorScheme: "dark", viewport: { width: 320, height: 256 } },
};

for (const [name, screen] of Object.entries(screens)) {
  test.describe(name, () => {
    test.use({ ...screen, reducedMotion: "reduce" });

    test("axe finds nothing in any panel, and nothing is wider than the screen", async ({ page }) => {
      const podhop = new PodhopPage(page);
      await podhop.open();
      for (const panel of ["Journey", "Headers", "Tables", "Object", "Flows", "YAML", "Terminal", "Cluster"]) {
        for (const tab of await page.getByRole("tab", { name: new RegExp(`^${panel}`) }).all()) {
          if (!(await tab.isVisible())) continue;
          await tab.click();
          const { violations } = await new AxeBuilder({ page }).analyze();
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(", ")}`);
          expect(found, `in ${panel}`).toEqual([]);
        }
      }
      const spare = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(spare).toBeLessThanOrEqual(0);
    });
  });
}

test.describe("with reduced motion", () => {
  test.use({ reducedMotion: "reduce" });

  test("nothing moves until it is asked to, and then in steps", async ({ page }) => {
    const podhop = new PodhopPage(page);
    await podhop.open();
    await expect(podhop.presentStep).toBeVisible();
    const first = await podhop.presentStep.textContent();
    await page.waitForTimeout(1500);
    await expect(podhop.presentStep).toHaveText(first);
    await podhop.button("Step").click();
    await podhop.button("Step").click();
    await expect(podhop.presentStep).not.toHaveText(first);
    await expect(podhop.button("Play")).toBeVisible();
  });
});

test("everything can be done with the keyboard", async ({ page }) => {
  const podhop = new PodhopPage(page);
  await podhop.open();
  await podhop.flowPlayed();
  await page.locator("body").click({ position: { x: 700, y: 20 } });
  await page.keyboard.press("Home");
  const first = await podhop.presentStep.textContent();
  await page.keyboard.press("ArrowRight");
  await expect(podhop.presentStep).not.toHaveText(first);
  await page.keyboard.press("End");
  await expect(podhop.presentStep).toContainText("pod-a");
  await page.keyboard.press("Space");
  await expect(podhop.button("Pause")).toBeVisible();
  await page.keyboard.press("Space");
  await expect(podhop.button("Play")).toBeVisible();

  // Tab reaches every area, and leaves the editor after Escape.
  const seen = new Set();
  for (let i = 0; i < 80; i += 1) {
    await page.keyboard.press("Tab");
    const area = await page.evaluate(() => document.activeElement.closest("header, section[id]")?.id || document.activeElement.tagName);
    seen.add(area);
    if (await podhop.editorFocused()) await page.keyboard.press("Escape");
    if (await podhop.terminal.evaluate((element) => element === document.activeElement)) break;
  }
  for (const area of ["pane-editor", "pane-stage", "pane-inspector", "pane-play", "pane-dock"]) expect([...seen]).toContain(area);
  await page.keyboard.type("kubectl get ns");
  await page.keyboard.press("Enter");
  await expect(podhop.output).toContainText("kube-system");

  // Every focus can be seen.
  const outline = await podhop.button("Play").evaluate((button) => {
    button.focus({ focusVisible: true });
    return getComputedStyle(button).outlineStyle;
  });
  expect(outline).not.toBe("none");
});

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
      for (const panel of ["Journey", "Headers", "Tables", "Object", "Flows", "Reach", "YAML", "Terminal", "Cluster"]) {
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

const VERDICTS = ["ok", "drop", "reject", "wait"];
/** How much contrast, of which tokens, on which. Rules only part what the spaces part already, so they are not in it. */
const pairs = [
  // Marks: verdicts, wires, ways, the borders of Pods, nodes and devices, the present step, the focus.
  [3, [...VERDICTS, "line", "accent", "tun", "nat", "error"], ["paper", "sheet", "node", "pod"]],
  [3, ["accent", "line", ...VERDICTS], ["accent-soft", "sel"]],
  // Words, in panels and on the stage.
  [4.5, ["ink", "ink-2", "ink-3"], ["paper", "sheet", "node", "pod", "accent-soft", "sel"]],
  [4.5, [...VERDICTS, "accent", "error", "nat", "tun", "text"], ["paper", "sheet"]],
  // Words in filled buttons.
  [4.5, ["paper", "sheet"], ["accent"]],
];

/** As WCAG 2.2 defines it, of two colours written #rrggbb. */
const contrast = (one, other) => {
  const luminance = (colour) => {
    const parts = colour.match(/^#(..)(..)(..)$/).slice(1);
    const [red, green, blue] = parts.map((part) => {
      const value = Number.parseInt(part, 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};

const axe = async (page, where) => {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(", ")}`);
  expect(found, where).toEqual([]);
};

/** What lies above the panels, and the states of the panels that a fresh page does not show. */
const views = {
  settings: async (podhop) => podhop.button("Settings").click(),
  help: async (podhop) => podhop.button("Help").click(),
  scenarios: async (podhop) => {
    await podhop.button("Lab 1 · Pod to Pod").click();
    await expect(podhop.page.getByRole("dialog").getByText("When it fails")).toBeVisible();
  },
  share: async (podhop) => {
    await podhop.button("Share").click();
    await expect(podhop.page.getByRole("textbox", { name: "Link" })).toHaveValue(/#1/);
  },
  compare: async (podhop) => {
    await podhop.button("compare").click();
    await expect(podhop.page.getByRole("dialog").getByRole("table")).toBeVisible();
  },
  palette: async (podhop) => {
    await podhop.page.keyboard.press("Control+k");
    await podhop.page.keyboard.type("pod");
  },
  "the finder": async (podhop) => {
    await podhop.page.keyboard.press("/");
    await podhop.page.keyboard.type("pod");
  },
  "a card and an object": async (podhop) => {
    await podhop.page.keyboard.press("/");
    await podhop.page.keyboard.type("pod-b");
    await podhop.page.keyboard.press("Enter");
    await expect(podhop.page.getByRole("group", { name: "Pod pod-b" })).toBeVisible();
  },
  "problems and a file that is held": async (podhop) => {
    await podhop.write((await podhop.manifests()).replace("kind: Pod", "kind: [Pod"));
    await expect(podhop.problemList).toBeVisible();
  },
  "a packet that does not arrive": async (podhop) => {
    await expect(podhop.presentStep).toBeAttached();
    await podhop.run("kubectl exec pod-a -- nc -z -w 2 10.244.2.77 80");
    await expect(podhop.page.locator(".heading h2")).toHaveText(/^nc/);
    await podhop.page.locator("h1").click();
    await podhop.page.keyboard.press("End");
  },
};

for (const colorScheme of ["light", "dark"]) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme, reducedMotion: "reduce" });

    test("axe finds nothing in what opens above the panels, wide or 390 px", async ({ page }) => {
      test.setTimeout(240_000);
      const podhop = new PodhopPage(page);
      await podhop.open();
      for (const [name, view] of Object.entries(views)) {
        await page.reload();
        await podhop.ready();
        await page.locator("h1").click();
        await view(podhop);
        await axe(page, name);
        await page.setViewportSize({ width: 390, height: 844 });
        await axe(page, `${name}, narrow`);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), name).toBeLessThanOrEqual(0);
        await page.setViewportSize({ width: 1440, height: 900 });
      }
    });

    test("what has a meaning stands out from its ground, 3 to 1 or more, and words 4.5 to 1", async ({ page }) => {
      await page.goto("./");
      const tokens = await page.evaluate(() => {
        const style = getComputedStyle(document.documentElement);
        return Object.fromEntries(
          [...document.styleSheets]
            .flatMap((sheet) => [...sheet.cssRules])
            .filter((rule) => rule.selectorText === ":root")
            .flatMap((rule) => [...rule.style])
            .filter((name) => name.startsWith("--"))
            .map((name) => [name.slice(2), style.getPropertyValue(name).trim()]),
        );
      });
      const low = [];
      for (const [least, marks, grounds] of pairs) {
        for (const mark of marks) {
          for (const ground of grounds) {
            const found = contrast(tokens[mark], tokens[ground]);
            if (found < least) low.push(`${mark} on ${ground}: ${found.toFixed(2)} of ${least}`);
          }
        }
      }
      expect(low).toEqual([]);
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

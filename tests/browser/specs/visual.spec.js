// What the page looks like: its views and states, against the pictures in visual/. `cargo xtask pictures` makes these anew.
import { expect, test } from "@playwright/test";
import { launchOptions } from "../chromium.js";
import * as clusters from "../pages/clusters.js";
import { useTestFonts } from "../pages/fonts.js";
import { PodhopPage } from "../pages/podhop.js";
import { link } from "../pages/session.js";

// Letters are drawn the same whatever the system has set, and colours, too.
const drawing = ["--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb", "--disable-skia-runtime-opts"];
test.use({ reducedMotion: "reduce", launchOptions: { ...launchOptions, args: [...launchOptions.args, ...drawing] } });

const SCREENS = {
  wide: { width: 1440, height: 900 },
  middle: { width: 1024, height: 768 },
  narrow: { width: 390, height: 844 },
};

let podhop;

test.beforeEach(async ({ page, context }) => {
  await useTestFonts(context);
  // It would come when it likes.
  await page.route(/\/editor[^/]*\.js$/, (route) => route.abort());
  podhop = new PodhopPage(page);
});

const shot = async (name) => {
  await podhop.page.mouse.move(0, 0);
  await expect.soft(podhop.page).toHaveScreenshot(`${name}.png`);
};

/** The packet at its first step of this title. */
const step = async (title) => {
  const head = podhop.page.locator(".step-head", { hasText: title }).first();
  await head.evaluate((head) => head.click());
  await expect(podhop.presentStep).toContainText(title);
};

const panel = (name) => podhop.page.getByRole("tab", { name }).first().click();
const choose = async (name) => {
  await podhop.page.locator("h1").click();
  await podhop.page.keyboard.press("/");
  await podhop.page.keyboard.type(name);
  await podhop.page.keyboard.press("Enter");
  await expect(podhop.page.locator(".object-title")).toContainText(name);
};
const close = async () => {
  await podhop.page.keyboard.press("Escape");
  await expect(podhop.page.getByRole("dialog")).toBeHidden();
};

/** Views by the screens and themes that they are looked at in. */
const views = [
  ["opening", "wide-light wide-dark middle-light middle-dark", () => step("Encapsulate")],
  ["headers", "wide-light", () => panel("Headers")],
  ["tables", "wide-light wide-dark", async () => {
    await panel("Tables");
    await expect(podhop.page.locator(".rows .on")).toBeVisible();
  }],
  ["timeline", "wide-light wide-dark middle-light", () => panel("Timeline")],
  ["flows", "wide-light", () => panel("Flows")],
  ["settings", "wide-dark narrow-light", () => podhop.button("Settings").click(), close],
  ["scenarios", "wide-light", async () => {
    await podhop.button("Lab 1 · Pod to Pod").click();
    await expect(podhop.page.getByRole("dialog").getByText("When it fails")).toBeVisible();
  }, close],
  ["palette", "wide-light", () => podhop.page.keyboard.press("Control+k"), close],
  ["object", "wide-light middle-light", () => choose("pod-b")],
  ["stage", "narrow-light narrow-dark", () => step("Encapsulate")],
  ["journey", "narrow-light narrow-dark", () => panel("Journey")],
  ["yaml", "narrow-light", () => panel("YAML")],
  ["terminal", "narrow-light", () => panel("Terminal")],
  ["reach", "wide-light wide-dark", async () => {
    await panel("Reach");
    await expect(podhop.page.getByRole("grid")).toBeVisible();
  }],
  ["compare", "wide-light wide-dark narrow-light", async () => {
    await panel("Journey");
    await podhop.button("compare").click();
    await expect(podhop.page.getByRole("dialog").getByRole("table")).toBeVisible();
  }, close],
];

for (const [screen, viewport] of Object.entries(SCREENS)) {
  for (const colorScheme of ["light", "dark"]) {
    const here = views.filter(([, where]) => where.split(" ").includes(`${screen}-${colorScheme}`));
    test.describe(`${screen}, ${colorScheme}`, () => {
      test.use({ viewport, colorScheme });

      test(here.map(([name]) => name).join(", "), async () => {
        await podhop.open();
        await expect(podhop.presentStep).toBeAttached();
        for (const [name, , show, leave] of here) {
          await show();
          await shot(`${name}-${screen}-${colorScheme}`);
          await leave?.();
        }
      });
    });
  }
}

const inPods = (text) => ({ "pods.yaml": text });
const sending = (command) => link({ files: inPods(clusters.pair), commands: [`kubectl exec pod-a -- ${command}`] });
const end = async () => {
  await expect(podhop.presentStep).toBeAttached();
  await podhop.page.keyboard.press("End");
  const last = podhop.page.locator(".step-head").last();
  await expect(last).toHaveAttribute("aria-current", "step");
};
const name = clusters.longName;

/** States: a name, an address, what brings the page into it, and anything that is not as on a wide, light screen. */
const states = [
  ...["light", "dark"].flatMap((colorScheme) =>
    [SCREENS.wide, SCREENS.narrow].map((viewport) => [
      "services",
      link({ files: { "web.yaml": clusters.served }, commands: ["kubectl exec client -- wget -qO- -T 3 http://web/"] }),
      end,
      { viewport, colorScheme },
    ]),
  ),
  ...[[SCREENS.wide, "dark"], [SCREENS.narrow, "light"]].map(([viewport, colorScheme]) => [
    "blocked",
    link({
      files: { "policies.yaml": clusters.closed, "cluster.yaml": clusters.calico },
      commands: ["kubectl exec stranger -- wget -qO- -T 1 http://server"],
    }),
    end,
    { viewport, colorScheme },
  ]),
  ["empty", link({ title: "Empty cluster", files: inPods("") })],
  ["empty", link({ title: "Empty cluster", files: inPods("") }), undefined, { viewport: SCREENS.narrow }],
  ["no-files", link({ title: "No files", files: {} }), undefined, { viewport: SCREENS.middle }],
  ["broken", "./", async () => {
    await podhop.write((await podhop.manifests()).replace("kind: Pod", "kind: [Pod"));
    await expect(podhop.problemList).toBeVisible();
  }, { colorScheme: "dark" }],
  ["ailing", link({ files: inPods(clusters.ailing) }), () => choose("twice")],
  ["node-not-ready", link({ files: inPods(clusters.ailingNode) }), () => choose("edge-2"), { colorScheme: "dark" }],
  ["refused", sending("nc -z -w 2 10.244.2.2 81"), end],
  ["unreachable", sending("ping -c 1 10.244.2.77"), end, { viewport: SCREENS.middle }],
  ["sent-again", sending("nc -z -w 8 10.244.2.77 80"), end, { colorScheme: "dark" }],
  ["long-names", link({
    title: name("A scenario"),
    files: { [`${name("file").slice(0, 55)}.yaml`]: clusters.longNames },
    commands: [`kubectl -n ${name("shop")} exec ${name("pod-a")} -- ping -c 1 10.244.1.2`],
  }), () => choose("pod-b"), { viewport: SCREENS.middle }],
  ["110-pods", link({ files: inPods(`${clusters.pair}---\n${clusters.crowded}`), commands: ["kubectl exec pod-a -- ping -c 1 10.244.2.2"] })],
  ["1000-nodes", link({ files: inPods(clusters.thousandNodes) }), () => podhop.button("All of it").click()],
  ["newer-link", "./#99.AAAA", undefined, { viewport: SCREENS.narrow }],
  ["forced-colours", "./", () => step("Encapsulate"), { forcedColors: "active" }],
  ["projector", "./", async () => {
    await podhop.page.evaluate(() => localStorage.setItem("podhop.size", "projector"));
    await podhop.page.reload();
    await podhop.ready();
    await step("Encapsulate");
  }],
  ["on-paper", "./", async () => {
    await podhop.page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    // A4 at 96 dots an inch.
    await podhop.page.setViewportSize({ width: 794, height: 1123 });
    await podhop.page.emulateMedia({ media: "print" });
  }],
];

for (const [name, address, bring, options] of states) {
  const screen = Object.keys(SCREENS).find((screen) => SCREENS[screen] === options?.viewport) ?? "wide";
  test.describe(`${screen}, ${options?.colorScheme ?? "light"}`, () => {
    test.use({ viewport: SCREENS.wide, colorScheme: "light", ...options });

    test(`state: ${name}`, async ({ page }) => {
      // Playwright has no option of this name for a test.
      if (options?.forcedColors) await page.emulateMedia({ forcedColors: options.forcedColors });
      await podhop.open(address);
      await expect(page.locator(".heading h2")).not.toHaveText(/Starting/);
      await bring?.();
      await shot(`${name}-${screen}-${options?.colorScheme ?? "light"}`);
    });
  });
}

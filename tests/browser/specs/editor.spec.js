import { AxeBuilder } from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import { PodhopPage } from "../pages/podhop.js";

const CHUNK = /\/editor[^/]*\.js$/;
const MANIFEST = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n";

let podhop;

test.beforeEach(({ page }) => {
  podhop = new PodhopPage(page);
});

/** The editor, come and with the focus; the flow is left to play. */
const arrive = async () => {
  await podhop.open();
  await podhop.richEditor();
  await expect(podhop.editor).toBeFocused();
};

const files = () => podhop.page.getByRole("group", { name: "Files" });
const underlined = () => podhop.page.locator(".cm-lintRange-warning");
const offered = (label) => podhop.page.getByRole("option", { name: label });

test("the editor's chunk is asked for when someone turns to the editor, not before", async ({ page }) => {
  const asked = [];
  page.on("request", (request) => CHUNK.test(request.url()) && asked.push(request.url()));
  await podhop.open();
  await expect(page.locator("textarea#editor")).toBeVisible();
  expect(asked).toEqual([]);
  const text = await podhop.manifests();
  await page.locator("textarea#editor").hover();
  await page.locator(".rich").waitFor();
  expect(asked.length).toBe(1);
  await expect(page.locator("textarea#editor")).toBeHidden();
  expect(await podhop.manifests()).toBe(text);
  expect(await podhop.cspViolations()).toEqual([]);
  expect(podhop.problems).toEqual([]);
});

test("what is typed applies at once, and undoing it undoes what it did to the cluster", async ({ page }) => {
  await arrive();
  const text = await podhop.manifests();
  const before = await podhop.revision();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: typed");
  await expect.poll(() => podhop.revision()).toBeGreaterThan(before);
  await podhop.run("kubectl get ns");
  await expect(podhop.output).toContainText("typed");
  await podhop.editor.focus();
  for (let i = 0; i < 40 && (await podhop.manifests()) !== text; i += 1) await page.keyboard.press("Control+z");
  await expect(podhop.page.locator(".file-state")).toHaveText(/live/);
  await podhop.run("kubectl get ns typed");
  await expect(podhop.output).toContainText('namespaces "typed" not found');
});

test("a problem is underlined, told by F8, mended by its button and brought back by undo", async ({ page }) => {
  await arrive();
  const good = await podhop.manifests();
  await podhop.write(good.replace("labels:", "lables:"));
  await expect(underlined()).toHaveText("lables");
  await podhop.editor.press("Control+Home");
  await podhop.editor.press("F8");
  const card = page.locator(".cm-tooltip", { hasText: 'unknown field "lables"' });
  await expect(card).toBeVisible();
  await card.getByRole("button", { name: "Replace by labels" }).click();
  await expect(underlined()).toHaveCount(0);
  expect(await podhop.manifests()).toBe(good);
  await podhop.editor.press("Control+z");
  await expect(underlined()).toHaveText("lables");
  await podhop.editor.press("F8");
  await podhop.editor.press("Control+.");
  await expect.poll(() => podhop.manifests()).toBe(good);
});

test("completion offers fields where they belong, and values", async ({ page }) => {
  await arrive();
  await page.keyboard.press("Control+Home");
  for (let line = 1; line < 10; line += 1) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.keyboard.type("po");
  await expect(offered(/^ports/)).toBeVisible();
  // A list that has just opened takes no Enter at first.
  await page.waitForTimeout(150);
  await page.keyboard.press("Enter");
  await page.keyboard.type("con");
  await expect(offered(/^containerPort/)).toBeVisible();
  await page.waitForTimeout(150);
  await page.keyboard.press("Enter");
  await page.keyboard.type("80");
  expect(await podhop.manifests()).toContain("      image: busybox\n      ports:\n        - containerPort: 80\n");
  await page.keyboard.press("Enter");
  await page.keyboard.type("prot");
  await expect(offered(/^protocol/)).toBeVisible();
  await page.waitForTimeout(150);
  await page.keyboard.press("Enter");
  await expect(offered("UDP")).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Shift+Space");
  await expect(page.locator(".cm-card-title")).toHaveText("spec.containers[].ports[].protocol");
});

test("F12 shows the object, and its panel leads back to its lines", async ({ page }) => {
  await arrive();
  await page.keyboard.press("Control+End");
  await page.keyboard.press("F12");
  await expect(page.getByRole("heading", { name: "pod/pod-b" })).toBeVisible();
  await page.getByRole("button", { name: "pods.yaml:" }).click();
  await expect(page.locator(".cm-line.cm-marked").first()).toContainText("pod-b");
});

test("files are made, applied, renamed, deleted and brought back", async ({ page }) => {
  await arrive();
  await podhop.button("New file").click();
  await expect(files().getByRole("button", { name: "new.yaml" })).toHaveAttribute("aria-pressed", "true");
  await podhop.write(MANIFEST);
  await podhop.button("Apply").click();
  await expect(page.locator(".file-state")).toHaveText(/live/);
  await podhop.button("Rename this file").click();
  await page.getByRole("textbox", { name: "Name of the file" }).fill("shop");
  await page.keyboard.press("Enter");
  await expect(files().getByRole("button", { name: "shop.yaml" })).toHaveAttribute("aria-pressed", "true");
  await podhop.button("Delete this file").click();
  await expect(files().getByRole("button")).toHaveText(["pods.yaml"]);
  await podhop.run("kubectl get ns shop");
  await expect(podhop.output).toContainText('namespaces "shop" not found');
  await podhop.button("Undo").click();
  await expect(files().getByRole("button")).toHaveText(["pods.yaml", "shop.yaml"]);
  await expect(page.locator(".file-state")).toHaveText(/live/);
  await podhop.run("kubectl get ns shop -o name");
  await expect(podhop.output).toContainText("namespace/shop");
  // Each file has its own history.
  await files().getByRole("button", { name: "pods.yaml" }).click();
  const pods = await podhop.manifests();
  await podhop.editor.press("Control+z");
  expect(await podhop.manifests()).toBe(pods);
});

test("a file that is dropped and a dump that is pasted become tabs; too large a file is refused", async ({ page }) => {
  await arrive();
  const drop = (name, size) =>
    page.evaluate(
      ([name, text, size]) => {
        const data = new DataTransfer();
        const file = new File([text], name);
        if (size) Object.defineProperty(File.prototype, "size", { get: () => size, configurable: true });
        data.items.add(file);
        document.querySelector(".stage").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
      },
      [name, MANIFEST, size],
    );
  await drop("my shop.yaml");
  await expect(files().getByRole("button")).toHaveText(["pods.yaml", "my-shop.yaml"]);
  await expect.poll(() => podhop.manifests()).toBe(MANIFEST);
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, '{"apiVersion": "v1", "kind": "List", "items": []}');
  await expect(files().getByRole("button")).toHaveText(["pods.yaml", "my-shop.yaml", "pasted.yaml"]);
  await drop("huge.yaml", 80 << 20);
  await expect(page.getByRole("alert").filter({ hasText: "huge.yaml has 80 MiB" })).toBeVisible();
});

test("Tab indents; Escape and Tab leave the editor", async ({ page }) => {
  await arrive();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Tab");
  expect(await podhop.manifests()).toMatch(/^ {2}apiVersion/);
  await page.keyboard.press("Shift+Tab");
  expect(await podhop.manifests()).toMatch(/^apiVersion/);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  await expect(podhop.editor).not.toBeFocused();
});

test("going through the page with Tab changes nothing in the editor", async ({ page }) => {
  await arrive();
  const before = await podhop.manifests();
  await page.getByRole("button", { name: "New file" }).focus();
  for (let times = 0; times < 12; times += 1) await page.keyboard.press("Tab");
  await expect(podhop.editor).not.toBeFocused();
  expect(await podhop.manifests()).toBe(before);
});

test("with the chunk blocked for ever the text area works, and the flow plays", async ({ page }) => {
  await page.route(CHUNK, () => {});
  await podhop.open();
  await page.locator("textarea#editor").click();
  await podhop.flowPlayed();
  await podhop.edit((text) => `${text}---\n${MANIFEST}`);
  await podhop.edit((text) => text.replace("labels:", "lables:"));
  await expect(page.locator(".under .u-warning")).toHaveText("lables");
  await podhop.problemList.getByRole("button", { name: "Fix" }).click();
  await expect(page.locator(".under .u-warning")).toHaveCount(0);
  expect(await page.locator(".rich").count()).toBe(0);
});

for (const colorScheme of ["light", "dark"]) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme, reducedMotion: "reduce" });

    test("axe finds nothing in the editor, its search and its completions", async ({ page }) => {
      await arrive();
      const clean = async (where) => {
        const { violations } = await new AxeBuilder({ page }).analyze();
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(", ")}`);
        expect(found, where).toEqual([]);
      };
      await podhop.write((await podhop.manifests()).replace("labels:", "lables:"));
      await expect(underlined()).toHaveText("lables");
      await clean("with a problem");
      await podhop.editor.press("Control+f");
      await expect(page.locator(".cm-search")).toBeVisible();
      await clean("with search");
      await page.keyboard.press("Escape");
      await podhop.editor.press("Control+End");
      await podhop.editor.press("Control+Space");
      await expect(page.locator(".cm-tooltip-autocomplete")).toBeVisible();
      await clean("with completions");
      expect(await podhop.cspViolations()).toEqual([]);
    });
  });
}

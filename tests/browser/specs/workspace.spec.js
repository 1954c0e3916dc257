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

const MORE = "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: pod-c\nspec:\n  containers:\n    - {name: app, image: nginx}\n";

test("a link opens the same files and the same conversation elsewhere", async ({ page, browser, baseURL }) => {
  await podhop.flowPlayed();
  await podhop.edit((text) => text + MORE);
  await podhop.run("kubectl exec pod-a -- nc -w 2 10.244.2.2 80 < /dev/null");
  await expect(page.locator(".heading h2")).toHaveText(/^nc /);
  await podhop.button("Share").click();
  const link = page.getByRole("textbox", { name: "Link" });
  await expect(link).toHaveValue(/#1\./);
  const address = await link.inputValue();
  const elsewhere = await browser.newContext({ baseURL });
  const other = new PodhopPage(await elsewhere.newPage());
  await other.open(address);
  await expect(other.page.locator(".heading h2")).toHaveText(/^nc /);
  await expect.poll(() => other.manifests()).toContain("name: pod-c");
  expect(other.problems).toEqual([]);
  await elsewhere.close();
});

for (const [what, fragment, told] of [
  ["damaged", "#1.AAAA", /link is damaged/],
  ["newer", "#99.AAAA", /newer podhop/],
  ["far too long", `#1.${"A".repeat(70_000)}`, /more than 4 MiB/],
]) {
  test(`a ${what} link is told, and the page opens as ever`, async ({ page }) => {
    await page.goto("about:blank");
    await podhop.open(`./${fragment}`);
    await expect(page.getByRole("alert")).toContainText(told);
    await podhop.flowPlayed();
  });
}

test("files are there again after a reload, and can be put back to the beginning", async ({ page }) => {
  await podhop.edit((text) => text + MORE);
  await podhop.write("kind: [");
  await page.waitForFunction(() => localStorage.getItem("podhop.session") !== null);
  await page.waitForTimeout(1_500);
  await page.reload();
  await podhop.ready();
  await expect(page.getByRole("alert")).toContainText("your files from last time");
  await expect.poll(() => podhop.manifests()).toBe("kind: [");
  await expect(page.getByRole("treeitem", { name: /Node worker-1, .* 4 Pods/ })).toBeAttached();
  await podhop.button("Start anew").click();
  await expect.poll(() => podhop.manifests()).toContain("name: pod-b");
  await podhop.flowPlayed();
});

test("a scenario runs up to its first packets, and the files before it come back", async ({ page }) => {
  await podhop.edit((text) => text + MORE);
  await podhop.button("Lab 1 · Pod to Pod").click();
  await page.getByRole("button", { name: /^Traceroute between Pods/ }).click();
  await expect(page.locator(".heading h2")).toHaveText(/^traceroute/);
  await expect(podhop.output).toContainText("pod/pod-a created");
  const next = page.getByRole("group", { name: "The scenario's next command" });
  const line = await next.locator("code").textContent();
  await next.getByRole("button", { name: "Run" }).click();
  await expect(podhop.output).toContainText(line);
  await podhop.button("Bring them back").click();
  await expect.poll(() => podhop.manifests()).toContain("name: pod-c");
  await expect(page.getByRole("treeitem", { name: /Node worker-1, .* 4 Pods/ })).toBeAttached();
});

test("a lab brings its CNI plugin along", async ({ page }) => {
  await podhop.button("Lab 1 · Pod to Pod").click();
  await page.getByRole("button", { name: /^NetworkPolicy Close every Pod/ }).click();
  await expect(page.locator("header")).toContainText("Calico VXLANCrossSubnet");
  await expect(page.getByRole("button", { name: "cluster.yaml", exact: true })).toBeAttached();
  await expect(podhop.output).toContainText("pod/pod-b created");
});

test("the palette finds Pods and actions with the keyboard alone", async ({ page }) => {
  await podhop.flowPlayed();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("pod-b");
  await page.keyboard.press("Enter");
  await expect(podhop.tab("pod-b")).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("theme dark");
  await page.keyboard.press("Enter");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
});

test("settings last, and steps replace motion", async ({ page }) => {
  await podhop.flowPlayed();
  await podhop.button("Settings").click();
  await page.getByRole("radio", { name: "Go from step to step" }).check();
  await page.getByRole("radio", { name: /Projector/ }).check();
  await podhop.page.keyboard.press("Escape");
  await page.reload();
  await podhop.ready();
  await expect(page.locator("html")).toHaveAttribute("data-size", "projector");
  await expect(page.locator("html")).toHaveAttribute("data-motion", "steps");
});

test("the timeline has a lane for each place, and a block leads to its step", async ({ page }) => {
  await podhop.flowPlayed();
  await podhop.tab("Timeline").click();
  await expect(page.locator(".lane .name")).toHaveText(["pod-a", "worker-1", "node network", "worker-2", "pod-b"]);
  await page.getByRole("button", { name: "ICMP echo request seq 0 in worker-2" }).click();
  await expect(podhop.presentStep).toContainText("worker-2");
  await podhop.button("Clock").click();
  await expect(page.locator(".scales:visible")).toContainText("2 s of the cluster's time");
});

test("flows are filtered by words and by how they ended", async ({ page }) => {
  await podhop.run("kubectl exec pod-a -- nc -w 2 10.244.2.2 80 < /dev/null");
  await podhop.tab(/Flows 2/).click();
  await page.getByRole("searchbox", { name: "Filter the flows by words" }).fill("ping");
  await expect(page.locator(".flow")).toHaveCount(1);
  await page.getByRole("searchbox", { name: "Filter the flows by words" }).fill("");
  await podhop.button("Failed only").click();
  await expect(page.locator(".flow")).toHaveCount(1);
  await expect(page.locator(".flow")).toContainText("nc");
});

test("a scenario's cluster knows the fields, too", async ({ page }) => {
  const fields = page.waitForResponse(/fields/);
  await podhop.edit((text) => text + MORE);
  await fields;
  await podhop.button("Lab 1 · Pod to Pod").click();
  await page.getByRole("button", { name: /^Two Pods on one node/ }).click();
  await expect(page.locator(".heading h2")).toHaveText(/^ping/);
  await podhop.write((await podhop.manifests()).replace("image:", "imag:"));
  await expect(podhop.problemList).toContainText("image");
});

test("a scenario that is only looked at does not take the place of one's own files", async ({ page }) => {
  await podhop.edit((text) => text + MORE);
  await page.waitForFunction(() => localStorage.getItem("podhop.session") !== null);
  await podhop.button("Lab 1 · Pod to Pod").click();
  await page.getByRole("button", { name: /^Two Pods on one node/ }).click();
  await expect(page.locator(".heading h2")).toHaveText(/^ping/);
  await page.waitForTimeout(1_500);
  await page.reload();
  await podhop.ready();
  await expect.poll(() => podhop.manifests()).toContain("name: pod-c");
});

test("what was sent from a Pod's shell is not offered to be run at the host", async ({ page }) => {
  await podhop.flowPlayed();
  await podhop.run("kubectl exec -it pod-a -- sh");
  await podhop.run("ping -c 1 10.244.2.2");
  await expect(page.locator(".heading h2")).toHaveText("ping -c 1 10.244.2.2");
  await podhop.edit((text) => text.replace(/---[^]*/, ""));
  await expect(page.locator(".outdated")).toBeVisible();
  await expect(podhop.button("Run it again")).toBeHidden();
});

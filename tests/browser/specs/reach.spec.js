import { expect, test } from "@playwright/test";
import * as clusters from "../pages/clusters.js";
import { PodhopPage } from "../pages/podhop.js";
import { link } from "../pages/session.js";

test.use({ reducedMotion: "reduce" });

let podhop;

test.beforeEach(async ({ page }) => {
  podhop = new PodhopPage(page);
});

const panel = () => podhop.page.getByRole("tabpanel", { name: "Reach" });
const cell = (pair) => panel().getByRole("gridcell", { name: pair });

test("the matrix tells who is kept from whom, by which row, and what an edit changes of it", async ({ page }) => {
  await podhop.open(link({ files: { "policies.yaml": clusters.closed, "cluster.yaml": clusters.calico } }));
  await podhop.tab("Reach").click();
  await expect(panel()).toContainText(/\d+ of \d+ pairs do not connect/);
  const blocked = panel().locator("td.no").first();
  await blocked.click();
  await expect(panel()).toContainText("does not connect");
  await expect(panel()).toContainText("timed out");
  await expect(panel().locator(".pair code")).toContainText("cali");
  // The arrow keys go on from there.
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await expect(panel().locator(".pair b")).not.toHaveText("");
  // A policy that selects nobody keeps nobody away, and the panel says what that has changed.
  await podhop.edit((manifests) => manifests.replace("podSelector: {matchLabels: {app: server}}", "podSelector: {matchLabels: {app: nobody}}"));
  await expect(panel()).toContainText("Everyone can connect to everyone.");
  await expect(panel().getByText(/pairs? ha(s|ve) changed/)).toBeVisible();
});

test("protocols, ports, nodes and the outside are asked for, and the matrix is saved", async ({ page }) => {
  await podhop.open();
  await expect(podhop.presentStep).toBeAttached();
  await podhop.tab("Reach").click();
  await expect(cell("pod-a to pod-b: connects")).toBeVisible();
  await panel().getByRole("combobox", { name: "Protocol" }).selectOption("UDP");
  await panel().getByRole("spinbutton", { name: "Port" }).fill("53");
  await panel().getByRole("spinbutton", { name: "Port" }).press("Enter");
  await expect(cell("pod-a to pod-b: connects")).toBeVisible();
  await panel().getByRole("button", { name: "Nodes and outside" }).click();
  await expect(cell("pod-a to worker-2: connects")).toBeVisible();
  const download = page.waitForEvent("download");
  await panel().getByRole("button", { name: "svg" }).click();
  expect((await download).suggestedFilename()).toBe("reach.svg");
});

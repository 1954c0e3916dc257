import { AxeBuilder } from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import { PodhopPage } from "../pages/podhop.js";

let podhop;

test.beforeEach(async ({ page }) => {
  podhop = new PodhopPage(page);
  await podhop.open();
  await podhop.flowPlayed();
});

test.afterEach(() => {
  expect(podhop.problems).toEqual([]);
});

const tried = () => podhop.page.getByRole("group", { name: "What was tried" });
const stepAt = (title, place) =>
  podhop.page.locator(".step", { has: podhop.page.locator(".step-head b", { hasText: title }), hasText: place }).first();
const why = (step) => step.getByRole("button", { name: "Why not another?" });
const problem = (text) => podhop.problemList.getByRole("listitem").filter({ hasText: text });
const table = (name) => podhop.page.getByRole("group", { name: "Table" }).getByRole("button", { name });

test("a step tells the rows that were tried, and each leads to its table", async ({ page }) => {
  const route = stepAt("Route", "worker-1 · cni0");
  await route.locator(".step-head").click();
  await why(route).click();
  await expect(why(route)).toHaveAttribute("aria-expanded", "true");
  await expect(tried()).toContainText("10.244.2.0/24 is the longest prefix of 2 that hold 10.244.2.2.");
  const rows = tried().getByRole("listitem");
  await expect(rows.nth(0)).toContainText("default via 172.18.0.1 dev eth0");
  await expect(rows.nth(0)).toContainText("not: matches everything, but /24 is longer");
  await expect(rows.nth(1)).toContainText("not: 10.244.2.2 is not in 10.244.1.0/24");
  const axe = await new AxeBuilder({ page }).include(".journey").analyze();
  expect(axe.violations).toEqual([]);
  await rows.nth(1).getByRole("button").first().click();
  await expect(podhop.tab("Tables")).toHaveAttribute("aria-selected", "true");
  await expect(page.locator(".rows .on")).toHaveCount(1);
  await expect(page.locator(".rows .on .text")).toContainText("10.244.1.0/24 dev cni0");
  await expect(page.locator(".rows tr", { hasText: "◆ decided" })).toContainText("10.244.2.0/24 via 10.244.2.0");
});

test("what was tried follows the packet, and closes by the same button", async ({ page }) => {
  const route = stepAt("Route", "worker-1 · cni0");
  await route.locator(".step-head").click();
  await why(route).focus();
  await page.keyboard.press("Enter");
  await expect(tried()).toContainText("a route to 10.244.2.2");
  await podhop.button("Step").click();
  await expect(tried()).toHaveCount(0);
  // The rules of netfilter come first, then the neighbour.
  await expect(async () => {
    await podhop.button("Step").click();
    await expect(tried()).toContainText("10.244.2.0 on flannel.1", { timeout: 500 });
  }).toPass();
  const present = page.locator(".step.on");
  await why(present).click();
  await expect(tried()).toHaveCount(0);
  await expect(why(present)).toHaveAttribute("aria-expanded", "false");
});

test("a closed port tells the sockets there are", async ({ page }) => {
  await podhop.run("kubectl exec pod-a -- nc -w 1 10.244.2.2 81 < /dev/null");
  await expect(page.locator(".flow-head h2")).toContainText("81");
  // Nothing moves on any more once the answer has arrived.
  await expect(podhop.presentStep).toContainText(/Deliver\s*pod-a/, { timeout: 30_000 });
  const refused = page.locator(".step", { has: page.locator(".v-refuse") }).first();
  await refused.locator(".step-head").click();
  await why(refused).click();
  await expect(tried()).toContainText("TCP 10.244.2.2:81");
  await expect(tried()).toContainText("Nothing listens in pod/default/pod-b.");
});

test("tables are shown as they were at the step, what was learned marked", async ({ page }) => {
  await podhop.button("First step").click();
  await podhop.tab("Tables").click();
  await page.getByLabel("Whose tables").selectOption("pod/default/pod-a");
  await table("neighbours").click();
  await expect(page.getByRole("group", { name: "Moment" }).getByRole("button", { name: "At this step" })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
  await expect(page.locator(".tables-view")).toContainText("This table is empty.");
  await podhop.tab("Journey").click();
  await stepAt("Neighbour", "pod-a · eth0").locator(".step-head").click();
  await podhop.tab("Tables").click();
  await expect(page.locator(".rows")).toContainText("10.244.1.1 dev eth0 INCOMPLETE");
  await podhop.tab("Journey").click();
  await stepAt("Neighbour", "REACHABLE").locator(".step-head").click();
  await podhop.tab("Tables").click();
  const row = page.locator(".rows .on");
  await expect(row).toContainText("10.244.1.1 dev eth0 lladdr");
  await expect(row).toContainText("REACHABLE");
  await expect(row).toContainText("+ added at this step");
  await expect(row).toContainText("◆ decided");
  await expect(page.locator(".tables-view")).toContainText("1 added since the conversation began.");
});

test("what the last edit did to a table is marked, with what it removed", async ({ page }) => {
  await podhop.edit((text) => text.slice(0, text.indexOf("---")));
  await podhop.tab("Tables").click();
  await expect(page.getByRole("group", { name: "Moment" }).getByRole("button", { name: "Now" })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
  await page.getByLabel("Whose tables").selectOption("node/worker-2");
  await table("links").click();
  await expect(page.locator(".tables-view")).toContainText("1 changed, 1 removed by the last change.");
  // The last Pod's cable. The bridge stays, without a carrier.
  const gone = page.locator(".gone tr", { hasText: "− removed" }).locator("del");
  await expect(gone).toContainText(["veth"]);
  const axe = await new AxeBuilder({ page }).include(".tables-view").analyze();
  expect(axe.violations).toEqual([]);
});

test("the cluster's own problems have places and fixes", async () => {
  const service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: bb}\n  ports: [{port: 80}]\n";
  await podhop.edit((text) => text + service);
  await expect(problem("Service web selects no Pods: none has app=bb")).toBeVisible();
  await podhop.edit((text) => text.replace("spec:\n  containers:", "spec:\n  nodeSelector: {kubernetes.io/os: linus}\n  containers:"));
  const waits = problem("the Pod waits for a node");
  await expect(waits).toContainText("no node has kubernetes.io/os=linus; there is kubernetes.io/os=linux");
  await waits.getByRole("button", { name: "Fix" }).click();
  await expect(waits).toHaveCount(0);
  expect(await podhop.manifests()).toContain("kubernetes.io/os: linux}");
  await podhop.run("kubectl delete service web");
  await expect(problem("Service web selects no Pods")).toHaveCount(0);
});

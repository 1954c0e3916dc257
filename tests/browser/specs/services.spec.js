// Services on the stage, names and rules in the journey, faults.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import * as clusters from "../pages/clusters.js";
import { PodhopPage } from "../pages/podhop.js";
import { link } from "../pages/session.js";

let podhop;

const call = "kubectl exec client -- wget -qO- -T 3 http://web/";
const open = (commands) => podhop.open(link({ files: { "web.yaml": clusters.served }, commands }));

test.beforeEach(({ page }) => {
  podhop = new PodhopPage(page);
});

test.afterEach(async () => {
  expect(podhop.problems).toEqual([]);
  expect(await podhop.cspViolations()).toEqual([]);
});

const tree = () => podhop.page.getByRole("tree", { name: "Nodes, Pods and devices" });
const row = (name) => tree().getByRole("treeitem", { name });

/** To a row of the tree by keys alone. */
async function walkTo(name) {
  await tree().locator('[tabindex="0"]').focus();
  await podhop.page.keyboard.press("Home");
  for (let i = 0; i < 12; i++) {
    if (await row(name).evaluate((row) => row === document.activeElement)) return;
    await podhop.page.keyboard.press("ArrowDown");
  }
  throw new Error(`no row ${name}`);
}

test("a Service is a row of the tree; its card names its endpoints, and Enter opens it", async ({ page }) => {
  await open([call]);
  await podhop.flowPlayed();
  await walkTo(/^Service web, LoadBalancer, .*3\/3 ready/);
  const card = page.getByRole("group", { name: "Service web" });
  await expect(card).toContainText("203.0.113.10");
  await expect(card).toContainText("app=web");
  await page.keyboard.press("Enter");
  await expect(page.locator(".object-title")).toContainText("service/web");
  await expect(page.locator(".object .facts")).toContainText("LoadBalancer");
  const axe = await new AxeBuilder({ page }).analyze();
  expect(axe.violations).toEqual([]);
});

test("the questions for a name are folded to its address, and a translation tells its chance and its rules", async ({ page }) => {
  await open([call]);
  await podhop.flowPlayed();
  const names = page.locator("details.names");
  await expect(names.locator("summary")).toContainText(/web\.default\.svc\.cluster\.local → 10\.96\./);
  await expect(names.locator("summary")).toContainText("answered by kubernetes");
  const dnat = page.locator(".step", { hasText: "KUBE-SVC-", has: page.locator(".chance:visible") }).last();
  await expect(dnat).toContainText("one of 3: 33.3 %");
  await dnat.locator(".step-head").click();
  await dnat.getByRole("button", { name: "Rule by rule" }).click();
  const path = page.locator(".path > li");
  await expect(path.nth(0)).toContainText("PREROUTING");
  await expect(path.nth(1)).toContainText("KUBE-SERVICES");
  const axe = await new AxeBuilder({ page }).include(".journey").analyze();
  expect(axe.violations).toEqual([]);
});

test("a node's faults are a menu of commands, and what they break is told", async ({ page }) => {
  await open([call]);
  await podhop.flowPlayed();
  await walkTo(/^Node worker-1/);
  await page.keyboard.press("f");
  await page.getByRole("menuitem", { name: /Stop kube-proxy/ }).click();
  await expect(podhop.output).toContainText("ssh worker-1 pkill -STOP kube-proxy");
  await expect(podhop.problemList).toContainText("kube-proxy on worker-1 is stopped");
  await walkTo(/^Node worker-1/);
  await expect(row(/^Node worker-1.*kube-proxy is stopped/)).toBeAttached();
  await page.keyboard.press("f");
  await page.getByRole("menuitem", { name: /Let kube-proxy go on/ }).click();
  await expect(row(/kube-proxy is stopped/)).toHaveCount(0);
});

test("a Service is called from the host by its load balancer, through the finder", async ({ page }) => {
  await open([call]);
  await podhop.flowPlayed();
  await walkTo(/^Gateway/);
  await page.keyboard.press("s");
  await page.keyboard.type("web service");
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: /HTTP GET from 203/ }).click();
  await expect(podhop.output).toContainText("curl -sS -m 3 http://203.0.113.10/");
  await expect(podhop.output).toContainText("Welcome to nginx!");
});

test("tables of rules, connections and name servers are offered where they are", async ({ page }) => {
  await open([call]);
  await podhop.flowPlayed();
  await page.keyboard.press("End");
  await podhop.tab("Tables").click();
  await page.getByRole("combobox", { name: "Whose tables" }).selectOption({ label: "worker-1" });
  const table = (name) => page.getByRole("group", { name: "Table" }).getByRole("button", { name, exact: true });
  await table("nat rules").click();
  await expect(page.locator(".rows")).toContainText("KUBE-SVC-");
  await table("connections").click();
  await expect(page.locator(".rows")).toContainText("dport=80");
  await expect(table("queues")).toBeVisible();
});

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

test("Tab completes Pods, the commands of their image, and leaves an empty line", async ({ page }) => {
  const line = podhop.terminal;
  const options = page.getByRole("listbox", { name: "Completions" }).getByRole("option");
  await line.fill("kubectl exec po");
  await line.press("Tab");
  await expect(line).toHaveValue("kubectl exec pod-");
  await expect(options).toHaveText([/^pod-a/, /^pod-b/]);
  await expect(line).toHaveAttribute("aria-activedescendant", "term-offer-0");
  await line.press("ArrowDown");
  await expect(options.nth(1)).toHaveAttribute("aria-selected", "true");
  await line.press("Enter");
  await expect(line).toHaveValue("kubectl exec pod-b ");
  await expect(options).toHaveCount(0);
  await line.pressSequentially("-- tracer");
  await line.press("Tab");
  await expect(line).toHaveValue("kubectl exec pod-b -- traceroute ");

  // The list follows what is typed, and Escape closes it.
  await line.fill("kubectl get p");
  await line.press("Tab");
  await expect(options.first()).toBeVisible();
  await line.pressSequentially("ods");
  await expect(options).toHaveText([/^pods/]);
  await line.press("Escape");
  await expect(options).toHaveCount(0);
  await expect(line).toBeFocused();

  // Tab is no trap: on an empty line, and after Escape.
  await line.press("Escape");
  await line.press("Tab");
  await expect(line).not.toBeFocused();
  await line.fill("");
  await line.press("Tab");
  await expect(line).not.toBeFocused();
});

test("earlier commands are searched with Ctrl-R, and outlive a reload", async ({ page }) => {
  const line = podhop.terminal;
  for (const command of ["kubectl get nodes", "kubectl get pods", "ip route"]) await podhop.run(command);
  await expect(podhop.output).toContainText("172.18.0.0/16 dev eth0");
  await line.press("Control+r");
  await line.pressSequentially("get");
  const options = page.getByRole("option");
  await expect(options).toHaveText(["kubectl get pods", "kubectl get nodes"]);
  await line.press("Control+r");
  await line.press("Tab");
  await expect(line).toHaveValue("kubectl get nodes");
  await line.press("Control+a");
  await line.press("Control+k");
  await expect(line).toHaveValue("");
  await line.press("Control+y");
  await expect(line).toHaveValue("kubectl get nodes");
  await line.press("Control+c");
  await expect(line).toHaveValue("");

  await page.reload();
  await podhop.ready();
  await line.press("ArrowUp");
  await expect(line).toHaveValue("ip route");
});

test("several terminals, each with its own place, log and line", async ({ page }) => {
  const tabs = page.getByRole("tablist", { name: "Terminals" }).getByRole("tab");
  await expect(tabs).toHaveText(["host"]);
  await podhop.run("kubectl exec -it pod-a -- sh");
  await expect(tabs).toHaveText(["pod-a"]);
  await podhop.terminal.fill("half a line");
  await podhop.button("New terminal").click();
  await expect(tabs).toHaveText(["pod-a", "host"]);
  await expect(podhop.terminal).toBeFocused();
  await expect(podhop.terminal).toHaveValue("");
  await expect(podhop.output).toHaveText("");
  await podhop.run("ssh worker-1");
  await expect(tabs).toHaveText(["pod-a", "ssh worker-1"]);
  await tabs.nth(1).focus();
  await page.keyboard.press("ArrowUp");
  await expect(tabs.first()).toBeFocused();
  await expect(podhop.terminal).toHaveValue("half a line");
  await podhop.run("hostname");
  await expect(podhop.output).toContainText("pod-a");
  for (let count = 2; count < 8; count += 1) await podhop.button("New terminal").click();
  await expect(tabs).toHaveCount(8);
  await podhop.button("New terminal").click();
  await expect(page.getByRole("alert")).toContainText("There are 8 terminals");
  await podhop.button("Close this terminal").click();
  await expect(tabs).toHaveCount(7);
  await tabs.first().click();
  await page.keyboard.press("Delete");
  await expect(tabs.first()).toHaveText("ssh worker-1");
});

test("names and addresses in the output select their object; commands can be run again", async ({ page }) => {
  await podhop.run("kubectl get pods -o wide");
  const address = podhop.output.getByRole("button", { name: "10.244.2.2", exact: true });
  await address.last().click();
  await expect(page.locator(".object-title")).toContainText("pod-b");
  await podhop.output.getByRole("button", { name: "worker-1", exact: true }).last().click();
  await expect(page.locator(".object-title")).toContainText("worker-1");

  // The log is one stop of the Tab key; arrow keys walk through what it links.
  await podhop.output.focus();
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowUp");
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  expect(await focused()).not.toBe("");
  await page.keyboard.press("Home");
  expect(await focused()).toBe("run again");
  await page.keyboard.press("Enter");
  await expect(podhop.output.locator(".entry")).toHaveCount(3);
});

test("what podhop says itself stands apart from a tool's output", async ({ page }) => {
  await podhop.run("kubectl exec pod-a -- ping 10.244.2.2");
  await expect(podhop.output.locator(".own")).toContainText("podhop: ping has no -c");
  await expect(podhop.output).toContainText("10 packets transmitted, 10 packets received");
  await podhop.run("help");
  await expect(podhop.output).toContainText("Here, on your own machine");

  // Ctrl-C forgets a construct that is not closed.
  await podhop.run("for pod in a b; do");
  await expect(page.locator(".line .prompt")).toHaveText(">");
  await podhop.terminal.press("Control+c");
  await expect(page.locator(".line .prompt")).toHaveText("student@host $");
});

test("the upper edge shows a whole line", async ({ page }) => {
  for (const command of ["ip addr", "kubectl get pods"]) {
    await podhop.run(command);
    await expect(podhop.output.locator(".entry").last()).toContainText(command);
    const over = await page.locator(".term").evaluate((term) => Math.abs((term.scrollTop - 8) % 20));
    expect(over).toBe(0);
  }
});

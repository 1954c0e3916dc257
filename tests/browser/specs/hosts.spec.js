// Where the page may be put: under any path, and into a frame that has no origin of its own.
import { expect, test } from "@playwright/test";
import { host } from "../pages/hosts.js";
import { PodhopPage } from "../pages/podhop.js";

const site = () => test.info().project.use.baseURL;

test("from a sub-path everything comes that is fetched later: second halves, fields, the editor, scenarios", async ({ page }) => {
  test.skip(!process.env.PODHOP_PLAIN_URL, "no server in a sub-folder was started");
  const podhop = new PodhopPage(page);
  await podhop.open(process.env.PODHOP_PLAIN_URL);
  await podhop.flowPlayed();
  await podhop.run("kubectl exec pod-a -- traceroute 10.244.2.2");
  await expect(podhop.output).toContainText("10.244.2.0");
  await podhop.richEditor();
  await podhop.edit((text) => text.replace("command:", "comand:"));
  await expect(podhop.problemList).toContainText('unknown field "comand"');
  await podhop.button("Lab 1 · Pod to Pod").click();
  await page.getByRole("button", { name: /^Two Pods on one node/ }).click();
  await expect(page.locator(".heading h2")).toHaveText(/^ping/);
  expect(podhop.problems).toEqual([]);
});

test.describe("in a sandboxed frame", () => {
  let served;

  test.afterEach(() => served.end());

  const framed = async (page, headers) => {
    served = await host(site(), headers);
    await page.setViewportSize({ width: 1340, height: 850 });
    await page.goto(`${served.url}frame`);
    return page.frameLocator("iframe");
  };

  test("of a host that offers its files to everyone the page works, without storage", async ({ page }) => {
    const violations = [];
    page.on("console", (message) => /Content Security Policy/.test(message.text()) && violations.push(message.text()));
    const frame = await framed(page, { "access-control-allow-origin": "*" });
    await frame.locator('html[data-podhop-flow="done"]').waitFor({ state: "attached", timeout: 60_000 });
    const terminal = frame.getByRole("textbox", { name: "Command" });
    await terminal.fill("kubectl get nodes");
    await terminal.press("Enter");
    await expect(frame.getByRole("log", { name: "Output" })).toContainText(/worker-2 +Ready/);
    await frame.getByRole("button", { name: /theme/ }).click();
    await expect(frame.locator("html")).toHaveAttribute("data-theme", /dark|light/);
    await frame.locator("textarea#editor").click();
    await frame.locator(".rich").waitFor({ timeout: 30_000 });
    await frame.getByRole("button", { name: "Share", exact: true }).click();
    await expect(frame.getByRole("textbox", { name: "Link" })).toHaveValue(/#1\./);
    await frame.getByRole("button", { name: "Copy", exact: true }).click();
    await expect(frame.getByRole("dialog")).toContainText(/Copied|Press Ctrl-C/);
    expect(violations).toEqual([]);
  });

  test("of another host it says exactly why not, and offers a tab of its own", async ({ page }) => {
    const frame = await framed(page, {});
    await expect(frame.getByRole("alert")).toContainText("its host does not send Access-Control-Allow-Origin: *");
    await expect(frame.getByRole("link", { name: "Open it in a tab" })).toHaveAttribute("href", served.url);
    // Where the sandbox forbids popups, too, it can be copied.
    await expect(frame.getByRole("alert").locator("code")).toHaveText(served.url);
    await expect(frame.getByRole("alert").locator("code")).not.toHaveCSS("user-select", "none");
  });
});

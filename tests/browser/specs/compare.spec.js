import { expect, test } from "@playwright/test";
import * as clusters from "../pages/clusters.js";
import { PodhopPage } from "../pages/podhop.js";
import { link } from "../pages/session.js";

test.use({ reducedMotion: "reduce" });

const dialog = (page) => page.getByRole("dialog", { name: "Compare" });
const side = (page, name) => dialog(page).getByRole("group", { name });

test("the flow that is shown runs under another CNI plugin, and only what differs is listed", async ({ page }) => {
  const podhop = new PodhopPage(page);
  await podhop.open();
  await expect(podhop.presentStep).toBeAttached();
  await podhop.button("compare").click();
  await expect(side(page, "Left")).toContainText("delivered");
  await expect(side(page, "Left").getByRole("combobox", { name: "CNI plugin" })).toHaveValue("flannel");
  await expect(side(page, "Right").getByRole("combobox", { name: "CNI plugin" })).toHaveValue("calico");
  // The Pod has another address there, and the same command finds it.
  await expect(side(page, "Right")).toContainText("delivered");
  const table = dialog(page).getByRole("table");
  await expect(table.getByRole("columnheader").first()).toHaveText("Flannel · iptables");
  await expect(table).toContainText("cni0");
  await expect(table).toContainText(/\d+ steps? the same/);
  const few = await table.getByRole("row").count();
  await dialog(page).getByRole("checkbox", { name: "Only what differs" }).uncheck();
  await expect(table).not.toContainText("the same");
  expect(await table.getByRole("row").count()).toBeGreaterThan(few);
  // The cluster itself is as it was.
  await dialog(page).getByRole("button", { name: "Close" }).click();
  await podhop.run("kubectl get pods -n calico-system");
  await expect(podhop.output).toContainText("No resources found in calico-system namespace.");
});

test("settings are chosen with the keyboard, and keep the focus while the answer comes", async ({ page }) => {
  const podhop = new PodhopPage(page);
  await podhop.open(link({ files: { "web.yaml": clusters.served }, commands: ["kubectl exec client -- wget -qO- -T 3 http://web/"] }));
  await expect(podhop.presentStep).toBeAttached();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("compare");
  await page.keyboard.press("Enter");
  const mode = side(page, "Right").getByRole("combobox", { name: "kube-proxy" });
  await expect(mode).toHaveValue("iptables");
  await mode.selectOption("ipvs");
  await side(page, "Right").getByRole("combobox", { name: "CNI plugin" }).selectOption("flannel");
  await expect(dialog(page).getByRole("table")).toContainText("Flannel · ipvs");
  await expect(dialog(page).getByRole("table")).toContainText("kube-ipvs0");
  await side(page, "Right").getByRole("combobox", { name: "kube-proxy" }).selectOption("iptables");
  await expect(dialog(page)).toContainText("Both sides do the same, step by step.");
  await expect(side(page, "Right").getByRole("combobox", { name: "kube-proxy" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toBeHidden();
});

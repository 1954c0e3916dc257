import { expect, test } from "@playwright/test";
import { PodhopPage } from "../pages/podhop.js";

const sites = { "a good server": process.env.PODHOP_URL, "a plain server, in a sub-folder": process.env.PODHOP_PLAIN_URL };

for (const [name, url] of Object.entries(sites)) {
  test.describe(`on ${name}`, () => {
    test.skip(!url, "no such server was started");

    test("the page opens without errors, violations of its policy, or requests to others", async ({ page }) => {
      const podhop = new PodhopPage(page);
      await podhop.open(url);
      expect(podhop.problems).toEqual([]);
      expect(await podhop.cspViolations()).toEqual([]);
      expect([...podhop.hosts]).toEqual([new URL(url).host]);
    });

    test("the policy is in the page itself, and forbids what is inline", async ({ page }) => {
      const podhop = new PodhopPage(page);
      await podhop.open(url);
      await page.evaluate(() => {
        const script = document.createElement("script");
        script.textContent = "globalThis.inlineRan = true";
        document.head.append(script);
      });
      expect(await page.evaluate(() => globalThis.inlineRan)).toBeUndefined();
      await expect(page.locator('meta[http-equiv="Content-Security-Policy"]')).toHaveCount(1);
    });
  });
}

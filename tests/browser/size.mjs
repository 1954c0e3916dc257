// Bytes that Chromium receives until the first flow has played and one edit was answered, as JSON on standard output:
// { "files": [{ "path", "bytes" }] }. Counted are whole responses, headers included, of the page and its workers.
// The editor's chunk is blocked: the page works without it.
import { chromium } from "playwright-core";
import { launchOptions } from "./chromium.js";
import { PodhopPage } from "./pages/podhop.js";

const url = process.argv[2];
const browser = await chromium.launch(launchOptions);
try {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.route(/\/editor[^/]*\.js$/, (route) => route.abort());
  const files = new Map();
  const cdp = await browser.newBrowserCDPSession();
  await countEverything(cdp, files);
  const podhop = new PodhopPage(page);
  await podhop.open(url);
  await podhop.flowPlayed();
  await podhop.edit((manifests) => `${manifests}\n# one edit\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: sized\n`);
  // What is still on its way counts too.
  await page.waitForLoadState("networkidle");
  const list = [...files.values()].sort((one, other) => other.bytes - one.bytes);
  console.log(JSON.stringify({ files: list }));
} finally {
  await browser.close();
}

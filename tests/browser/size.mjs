// Bytes that Chromium receives until the first flow has played and one edit was answered, as JSON on standard output:
// { "files": [{ "path", "bytes" }] }. Counted are whole responses, headers included, of the page and its worker.
// The editor's chunk is blocked: the page works without it.
import { chromium } from "playwright-core";
import { launchOptions } from "./chromium.js";
import { PodhopPage } from "./pages/podhop.js";

const browser = await chromium.launch(launchOptions);
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.route(/\/editor[^/]*\.js$/, (route) => route.abort());
  const asked = [];
  page.on("request", (request) => asked.push(request));
  const podhop = new PodhopPage(page);
  await podhop.open(process.argv[2]);
  await podhop.flowPlayed();
  await podhop.edit((manifests) => `${manifests}\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: sized\n`);
  // What is still on its way counts too.
  const opening = asked.filter((request) => request.url().startsWith("http"));
  await page.waitForLoadState("networkidle");
  const counted = opening.filter((request) => !request.failure());
  const files = [];
  for (const request of counted) {
    const { responseBodySize, responseHeadersSize } = await request.sizes();
    // Of a worker's script Chromium tells the headers alone.
    const said = Number((await (await request.response()).allHeaders())["content-length"] ?? 0);
    const bytes = Math.max(responseBodySize, said) + responseHeadersSize;
    files.push({ path: new URL(request.url()).pathname, bytes });
  }
  files.sort((one, other) => other.bytes - one.bytes);
  console.log(JSON.stringify({ files }));
} finally {
  await browser.close();
}

// usage: node xtask/src/art/render.mjs, after `cd tests/browser && npm ci`
//
// Draws the site's pictures in pixels from their sources: the icons from public/icon.svg, the card that other sites show
// for a link from card.svg beside this file.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const require = createRequire(at("tests/browser/package.json"));
const { chromium } = require("playwright-core");
const { launchOptions } = await import("../../../tests/browser/chromium.js");

const browser = await chromium.launch(launchOptions);
const page = await browser.newPage();
const draw = async (source, [width, height], target) => {
  await page.setViewportSize({ width, height });
  const picture = Buffer.from(readFileSync(at(source))).toString("base64");
  await page.setContent(
    `<style>body{margin:0}img{display:block;width:100vw;height:100vh}</style><img src="data:image/svg+xml;base64,${picture}">`,
  );
  await page.screenshot({ path: at(target), omitBackground: true });
};
await draw("public/icon.svg", [32, 32], "public/icon-32.png");
await draw("public/icon.svg", [180, 180], "public/icon-180.png");
await draw("xtask/src/art/card.svg", [1200, 630], "public/card.png");
await browser.close();

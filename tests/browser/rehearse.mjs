// usage: node rehearse.mjs URL
//
// Opens a site whose page is instrumented, as different people would, until the first flow has played and an edit is
// answered. Prints what of the page's module has run for any of them: a number of 64 bits a line.
import { chromium } from "playwright-core";
import { launchOptions } from "./chromium.js";
import { PodhopPage } from "./pages/podhop.js";

const people = [
  { viewport: { width: 1440, height: 900 } },
  { viewport: { width: 390, height: 844 }, colorScheme: "dark", deviceScaleFactor: 2, hasTouch: true },
  { viewport: { width: 1024, height: 768 }, reducedMotion: "reduce" },
  // On a slow machine frames are left out, and answers come late.
  { viewport: { width: 1440, height: 900 }, slowdown: 6 },
  // On a very slow one packets take longer to come than output waits for them (COMES_MS in app/src/terminal/log.rs): here it
  // does not wait.
  { viewport: { width: 1440, height: 900 }, unwaited: 2_500 },
];

const browser = await chromium.launch(launchOptions);
const ran = [];
try {
  for (const { slowdown, unwaited, ...person } of people) {
    const page = await browser.newPage(person);
    if (slowdown) {
      const session = await page.context().newCDPSession(page);
      await session.send("Emulation.setCPUThrottlingRate", { rate: slowdown });
    }
    if (unwaited) {
      await page.addInitScript((unwaited) => {
        const { setTimeout } = globalThis;
        globalThis.setTimeout = (act, ms, ...about) => setTimeout(act, ms === unwaited ? 0 : ms, ...about);
      }, unwaited);
    }
    // The instrumented module's exports are kept where they can be read.
    await page.addInitScript(() => {
      const { Instance } = WebAssembly;
      const instantiate = WebAssembly.instantiate;
      WebAssembly.instantiate = async (...about) => {
        const made = await instantiate(...about);
        const { exports } = made instanceof Instance ? made : made.instance;
        if (exports["ran:0"]) globalThis.rehearsed = exports;
        return made;
      };
    });
    // The page opens without the editor's chunk.
    await page.route(/\/editor[^/]*\.js$/, (route) => route.abort());
    const podhop = new PodhopPage(page);
    await podhop.open(process.argv[2]);
    // With reduced motion nothing plays before it is asked to.
    if (!person.reducedMotion) await podhop.flowPlayed();
    if (person.viewport.width > 1000) {
      await podhop.edit((manifests) => `${manifests}---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: more\n`);
    }
    // What the page does by itself after that belongs to it: doing without the editor's chunk, keeping the files a second
    // after the last change, which on a slow machine is before the edit is answered.
    await page.waitForTimeout(1500);
    const words = await page.evaluate(() => {
      const words = [];
      for (let word = 0; globalThis.rehearsed[`ran:${word}`]; word += 1) {
        words.push(BigInt.asUintN(64, globalThis.rehearsed[`ran:${word}`].value).toString());
      }
      return words;
    });
    words.forEach((word, at) => (ran[at] = (ran[at] ?? 0n) | BigInt(word)));
    await page.close();
  }
} finally {
  await browser.close();
}
if (ran.length === 0) throw new Error("the page's module is not instrumented");
console.log(ran.join("\n"));

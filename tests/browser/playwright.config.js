// `cargo xtask test --only browser` starts the servers and sets the addresses. By hand: `cargo xtask serve`, then
// `PODHOP_URL=http://localhost:8080/ npx playwright test`.
import { defineConfig } from "@playwright/test";
import { launchOptions } from "./chromium.js";

export default defineConfig({
  testDir: "specs",
  outputDir: "out/results",
  reporter: [["list"], ["json", { outputFile: "out/report.json" }]],
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  timeout: 60_000,
  expect: {
    timeout: 15_000,
    // What differs between machines is the smoothing of edges; a token that changes is much more than this.
    toHaveScreenshot: { threshold: 0.02, maxDiffPixelRatio: 0.002, animations: "disabled", caret: "hide", scale: "css" },
  },
  // The same pictures everywhere: see pages/fonts.js.
  snapshotPathTemplate: "visual/{arg}{ext}",
  use: {
    baseURL: process.env.PODHOP_URL ?? "http://localhost:8080/",
    viewport: { width: 1440, height: 900 },
    launchOptions,
    screenshot: "only-on-failure",
  },
});

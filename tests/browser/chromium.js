// How every test and measurement starts Chromium: the system's, quiet, and without a GPU.
import { existsSync } from "node:fs";

const paths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const launchOptions = {
  // Undefined means the browser that Playwright installed.
  executablePath: process.env.CHROMIUM ?? paths.find(existsSync),
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};

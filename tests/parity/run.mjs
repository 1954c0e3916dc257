// usage: node run.mjs podhop_parity.js FILE.md: prints a scenario's answers and traces from the wasm build.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [module, file] = process.argv.slice(2);
const { told } = createRequire(import.meta.url)(resolve(module));
process.stdout.write(told(readFileSync(file, "utf8")));

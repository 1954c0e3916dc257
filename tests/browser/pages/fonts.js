// Fonts for pictures: with them no font of the system decides what a picture looks like. Inter and JetBrains Mono for
// letters, DejaVu for the signs that those two lack.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { resolve } = createRequire(import.meta.url);
const file = (path) => readFileSync(resolve(path)).toString("base64");

const faces = () => [
  ["Test Sans", "100 900", file("@fontsource-variable/inter/files/inter-latin-wght-normal.woff2")],
  ["Test Mono", "400", file("@fontsource/jetbrains-mono/files/jetbrains-mono-latin-400-normal.woff2")],
  ["Test Mono", "700", file("@fontsource/jetbrains-mono/files/jetbrains-mono-latin-700-normal.woff2")],
  ["Test Signs", "400", file("dejavu-fonts-ttf/ttf/DejaVuSans.ttf")],
  ["Test Mono Signs", "400", file("dejavu-fonts-ttf/ttf/DejaVuSansMono.ttf")],
];

/** Every page that `context` opens from now on writes in the test's fonts, the stage included. */
export async function useTestFonts(context) {
  await context.addInitScript((faces) => {
    for (const [family, weight, base64] of faces) {
      // Bytes that are there already need no request, so no policy is in the way, and are ready before anything is drawn.
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const face = new FontFace(family, bytes, { weight });
      document.fonts.add(face);
      face.load();
    }
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`:root {
      --sans: "Test Sans", "Test Signs", sans-serif;
      --mono: "Test Mono", "Test Mono Signs", monospace;
    }`);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  }, faces());
}

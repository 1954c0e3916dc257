// usage: node server.mjs FOLDER PORT KIND POLICY
//
// A static server on this machine only, with the headers that a good host sends. KIND is `brotli` (sends the `.br` beside
// a file to whoever takes it) or a path such as `/some/where/`: then the site is mounted there, by a server that knows
// nothing of compressed files nor of policies. Prints its port, and ends when its standard input does.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";

const [folder, port, kind, policy] = process.argv.slice(2);
const mount = kind === "brotli" ? "/" : kind;

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".png": "image/png",
  ".md": "text/plain; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
};

const found = (path) => {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? { path, size: stat.size } : undefined;
};

/** The file that an address names, always inside the folder. */
const fileOf = (url) => {
  const path = url.split(/[?#]/, 1)[0];
  const parts = path.startsWith(mount) ? path.slice(mount.length).split("/") : [".."];
  if (parts.some((part) => part.startsWith(".") || /[\\%:]/.test(part))) return undefined;
  const inside = join(folder, ...parts);
  return found(inside) ?? found(join(inside, "index.html"));
};

const server = createServer((request, response) => {
  const plain = (status, text) => response.writeHead(status, { "content-type": "text/plain" }).end(`${text}\n`);
  if (request.method !== "GET" && request.method !== "HEAD") return plain(405, "only GET and HEAD");
  const file = fileOf(request.url);
  if (!file) return plain(404, "not found");
  const takesBrotli = /\bbr\b/.test(request.headers["accept-encoding"] ?? "");
  const brotli = kind === "brotli" && takesBrotli ? found(`${file.path}.br`) : undefined;
  const sent = brotli ?? file;
  const headers = {
    "content-type": types[extname(file.path)] ?? "application/octet-stream",
    "content-length": sent.size,
    "cache-control": "no-cache",
  };
  if (brotli) headers["content-encoding"] = "br";
  if (kind === "brotli") {
    // As a header it holds for the worker as well.
    headers["content-security-policy"] = policy;
    headers["vary"] = "accept-encoding";
    headers["x-content-type-options"] = "nosniff";
    headers["referrer-policy"] = "no-referrer";
  }
  response.writeHead(200, headers);
  if (request.method === "HEAD") return response.end();
  createReadStream(sent.path).on("error", () => response.destroy()).pipe(response);
});

server.on("error", (error) => {
  console.error(`error: cannot listen on port ${port}: ${error.message}`);
  process.exit(1);
});
server.listen(Number(port), "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit(0));

// Other hosts of the built site, in front of the tested one.
import { createServer } from "node:http";

/**
 * Serves the site under `base` with `headers` added to each answer, and at /frame a page that has it in a sandboxed frame.
 * Gives its address and what ends it.
 */
export async function host(base, headers = {}) {
  const server = createServer(async (request, response) => {
    if (request.url === "/frame") {
      response.writeHead(200, { "content-type": "text/html" });
      return response.end('<!doctype html><iframe sandbox="allow-scripts" src="/" width="1300" height="800"></iframe>');
    }
    try {
      const answer = await fetch(new URL(`.${request.url}`, base));
      const kept = ["content-type", "content-security-policy"].map((name) => [name, answer.headers.get(name)]);
      response.writeHead(answer.status, { ...Object.fromEntries(kept.filter(([, value]) => value)), ...headers });
      response.end(Buffer.from(await answer.arrayBuffer()));
    } catch {
      response.writeHead(502).end();
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    end: () => new Promise((ended) => server.close(ended) && server.closeAllConnections()),
  };
}

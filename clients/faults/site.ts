/** A stranger's page with the widget on it, on an origin of its own. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const page = (server: string, site: string): string => `<!doctype html>
<meta charset="utf-8">
<title>A shop</title>
<h1>A shop</h1>
<script async src="${server}/widget.js" data-site="${site}" data-language="en"></script>
`;

/** Its address. It ends with the program. */
export async function serveSite(server: string, site: string): Promise<string> {
  const own = createServer(({ url }, answer) => {
    if (url === "/") answer.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page(server, site));
    else answer.writeHead(204).end();
  });
  await new Promise<void>((resolve) => own.listen(0, "127.0.0.1", resolve));
  return `http://localhost:${(own.address() as AddressInfo).port}/`;
}

/** A stranger's site: the pages in widget/test-pages, of an origin that is not the server's. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";

const FOLDER = join(import.meta.dirname, "../../widget/test-pages");

export interface Pages {
  origin: string;
  /** The address of a page with the widget of a site; `options` become `data-…` of the tag. */
  address(page: string, server: string, site: string, options?: Record<string, string>): string;
  close(): void;
}

/** `{{server}}`, `{{site}}` and `{{tag}}` are filled in; a page's first line may name a policy. */
function fill(text: string, parameters: URLSearchParams): { policy: string | undefined; html: string } {
  const { server = "", site = "", ...options } = Object.fromEntries(parameters);
  const data = Object.entries({ site, ...options }).map(([name, value]) => ` data-${name}="${value}"`).join("");
  const tag = `<script async src="${server}/widget.js"${data}></script>`;
  const filled = text.replaceAll("{{tag}}", tag).replaceAll("{{server}}", server).replaceAll("{{site}}", site);
  return { policy: /^<!-- policy: (.*) -->\n/.exec(filled)?.[1], html: filled.replace(/^<!--.*-->\n/, "") };
}

export async function servePages(): Promise<Pages> {
  const server = createServer((request, answer) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    try {
      const { policy, html } = fill(readFileSync(join(FOLDER, basename(pathname)), "utf8"), searchParams);
      answer.writeHead(200, { "content-type": "text/html; charset=utf-8", ...(policy ? { "content-security-policy": policy } : {}) }).end(html);
    } catch {
      // Browsers ask for an icon too, and would say that there is none.
      answer.writeHead(pathname === "/favicon.ico" ? 204 : 404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    address: (page, server, site, options = {}) => `${origin}/${page}.html?${new URLSearchParams({ server, site, language: "en", ...options })}`,
    close: () => server.closeAllConnections?.() ?? server.close(),
  };
}

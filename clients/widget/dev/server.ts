/** Serves a build and the pages for tests on two ports: the server's origin and a stranger's. */
import { readFileSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { extname, join, normalize } from "node:path";
import { pass, upgrade } from "./proxy.ts";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};
const SITE = {
  name: "Lamp Shop",
  color: "#1f6feb",
  position: "right",
  languages: [],
  texts: {},
  prechat: { name: "off", email: "off" },
  identity: "optional",
  is_online: true,
  operators: [],
};

export interface Origins {
  /** The server's: `/widget.js`, `/assets/…`, `/widget/frame`. */
  server: string;
  /** That of a site with the widget on it. */
  page: string;
  close(): void;
}

interface Options {
  /** Null for what the running server has. */
  build: string | null;
  pages: string;
  /** A running server, for all that is no file of the build; without it only a site's settings are answered. */
  api?: string | undefined;
  pagePort?: number;
}

/** As a browser gets it from the server: compressed. */
function send(answer: ServerResponse, path: string, headers: Record<string, string> = {}): void {
  try {
    const body = readFileSync(`${path}.gz`);
    answer.writeHead(200, { "content-encoding": "gzip", "content-type": TYPES[extname(path)] ?? "application/octet-stream", ...headers }).end(body);
  } catch {
    answer.writeHead(404).end();
  }
}

const listen = async (handle: (request: IncomingMessage, answer: ServerResponse) => void, port = 0): Promise<Server> => {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
};
const origin = (server: Server, host: string): string => `http://${host}:${(server.address() as AddressInfo).port}`;

/** Answers like the server, as far as the loader asks. */
function answerLikeServer(build: string, request: IncomingMessage, answer: ServerResponse): void {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const key = /^\/chat\/sites\/(.+)$/.exec(pathname)?.[1];
  const cors = { "access-control-allow-origin": "*" };
  if (key === "blocked" || key === "none") {
    const code = key === "none" ? "not_found" : "forbidden";
    answer.writeHead(key === "none" ? 404 : 403, cors).end(JSON.stringify({ error: { code, message: code, details: {} } }));
  } else if (key === "broken") answer.writeHead(200, cors).end("<html>proxy</html>");
  else if (key) {
    const color = /-([\da-f]{6})$/.exec(key)?.[1];
    answer.writeHead(200, { ...cors, "content-type": "application/json" }).end(JSON.stringify({ ...SITE, key, color: color ? `#${color}` : SITE.color }));
  } else if (pathname === "/widget/frame") send(answer, join(build, "widget/frame.html"));
  else send(answer, join(build, normalize(pathname)), cors);
}

/** A page for tests: `{{server}}`, `{{site}}` and `{{tag}}` (none with `?bare`) are filled in; its first line may name a policy. */
function sendPage(pages: string, base: string, request: IncomingMessage, answer: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const site = (searchParams.get("site") ?? "talk").replace(/[^\w-]/g, "");
  const data = [...searchParams].filter(([name]) => name !== "site" && name !== "server").map(([name, value]) => ` data-${name}="${value.replace(/["<&]/g, "")}"`).join("");
  let server = base;
  if (pathname === "/favicon.ico") {
    answer.writeHead(204).end();
    return;
  }
  // The server under the page's own host: for a browser the same site, with storage in frames.
  if (searchParams.get("server") === "same") server = server.replace("127.0.0.1", "localhost");
  const tag = searchParams.has("bare") ? "" : `<script async src="${server}/widget.js" data-site="${site}"${data}></script>`;
  try {
    const text = readFileSync(join(pages, normalize(pathname)), "utf8");
    const policy = /^<!-- policy: (.*) -->\n/.exec(text)?.[1];
    const fill = (part: string) => part.replaceAll("{{tag}}", tag).replaceAll("{{server}}", server).replaceAll("{{site}}", site);
    const headers: Record<string, string> = { "content-type": extname(pathname) === ".js" ? "text/javascript" : "text/html; charset=utf-8" };
    if (policy) headers["content-security-policy"] = fill(policy);
    answer.writeHead(200, headers).end(fill(text));
  } catch {
    answer.writeHead(404).end();
  }
}

/** Files of the build, and everything else from the running server, as a proxy would do it. */
function answerBefore(api: string, build: string | null, request: IncomingMessage, answer: ServerResponse): void {
  const path = request.url ?? "/";
  if (build !== null && (path.startsWith("/widget") || path.startsWith("/assets/"))) {
    answerLikeServer(build, request, answer);
    return;
  }
  pass(api, request, answer);
}

export async function serve({ build, pages, api, pagePort = 0 }: Options): Promise<Origins> {
  const own = await listen((request, answer) => (api ? answerBefore(api, build, request, answer) : answerLikeServer(build ?? "", request, answer)));
  if (api) own.on("upgrade", (request, socket, head) => upgrade(api, request, socket as Socket, head));
  const base = origin(own, "127.0.0.1");
  const strange = await listen((request, answer) => sendPage(pages, base, request, answer), pagePort);
  return {
    server: base,
    page: origin(strange, "localhost"),
    close() {
      own.close();
      strange.close();
    },
  };
}

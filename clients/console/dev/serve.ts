/** The console as it is built, before a running server, as a proxy would do it: one address for both, and the server's policy. */
import { readFileSync } from "node:fs";
import { type ServerResponse, createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { extname, join, normalize } from "node:path";
import { pass, upgrade } from "../../widget/dev/proxy.ts";

const TYPES: Record<string, string> = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };

/** As in crates/web-assets. */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self'; " +
  "frame-ancestors 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

export interface Served {
  url: string;
  /** The way to the server behind: while it is cut nothing answers but the files of the console. */
  cut(isCut: boolean): void;
  close(): void;
}

export async function serve(build: string, api: () => string, port = 0): Promise<Served> {
  let isCut = false;
  const sockets = new Set<Socket>();
  const own = createServer((request, answer) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (path === "/console") answer.writeHead(301, { location: "/console/" }).end();
    else if (path === "/console/") file(answer, join(build, "console/index.html"), { "content-security-policy": POLICY, "cache-control": "no-cache" });
    else if (path.startsWith("/assets/")) file(answer, join(build, normalize(path)), { "cache-control": "public, max-age=31536000, immutable" });
    else if (isCut) request.socket.destroy();
    else pass(api(), request, answer);
  });
  own.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  own.on("upgrade", (request, socket, head) => (isCut ? socket.destroy() : upgrade(api(), request, socket as Socket, head)));
  await new Promise<void>((resolve) => own.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(own.address() as AddressInfo).port}`,
    cut(now) {
      isCut = now;
      if (now) for (const socket of sockets) socket.destroy();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      own.close();
    },
  };
}

/** As a browser gets it from the server: compressed. */
function file(answer: ServerResponse, path: string, headers: Record<string, string>): void {
  try {
    const body = readFileSync(`${path}.gz`);
    answer.writeHead(200, { "content-encoding": "gzip", "content-type": TYPES[extname(path)] ?? "application/octet-stream", ...headers }).end(body);
  } catch {
    answer.writeHead(404).end();
  }
}

if (import.meta.main) {
  const { url } = await serve(join(import.meta.dirname, "../../dist"), () => process.env["SWITCHBOARD_URL"] ?? "http://127.0.0.1:8080", Number(process.env["PORT"] ?? 0));
  console.log(`${url}/console/`);
}

/** A server's requests and sockets, for pages that are served by somebody else. */
import { type IncomingMessage, type ServerResponse, request as ask } from "node:http";
import { type Socket, connect } from "node:net";
import { pipeline } from "node:stream";

/** Passes a request on to a server, as a proxy would do it. */
export function pass(api: string, request: IncomingMessage, answer: ServerResponse): void {
  const onward = ask(new URL(request.url ?? "/", api), { method: request.method ?? "GET", headers: request.headers }, (got) => {
    answer.writeHead(got.statusCode ?? 502, got.headers);
    // A stream breaks off as the server's does.
    pipeline(got, answer, () => undefined);
  });
  onward.on("error", () => answer.destroy());
  answer.on("close", () => onward.destroy());
  request.pipe(onward);
}

/** The same for a socket. */
export function upgrade(api: string, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { hostname, port } = new URL(api);
  const onward = connect(Number(port), hostname, () => {
    const lines = [`GET ${request.url} HTTP/1.1`];
    for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    onward.write(`${lines.join("\r\n")}\r\n\r\n`);
    onward.write(head);
    onward.pipe(socket).pipe(onward);
  });
  onward.on("error", () => socket.destroy());
  onward.on("close", () => socket.destroy());
  socket.on("error", () => onward.destroy());
  socket.on("close", () => onward.destroy());
}

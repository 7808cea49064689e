import { decode } from "../protocol/frames.ts";
import { retryAfter } from "../protocol/close_codes.ts";
import { address, query } from "../rest/http.ts";
import type { OpenTransport } from "./transport.ts";

const OPEN = 1;

export const openWebSocket: OpenTransport = (target, events, { WebSocket }) => {
  const url = address(target.base, query("/channel/ws", { ...target.query, ...target.resume }));
  let socket: WebSocket | null = null;
  const leave = () => {
    if (socket) socket.onmessage = socket.onclose = socket.onerror = null;
    socket?.close(1000);
    socket = null;
  };
  // 1005, 1006 and all that is not ours is a broken network.
  const end = (code = 0, reason = "") => {
    leave();
    events.ended({ code: code < 4000 ? 0 : code, reason, retryAfterMs: retryAfter(reason) });
  };
  try {
    if (!WebSocket) throw new TypeError();
    socket = new WebSocket(url.replace(/^http/, "ws"));
    socket.onmessage = ({ data }) => {
      const frame = typeof data === "string" ? decode(data) : null;
      if (frame) events.frame(frame);
      else events.heard();
    };
    socket.onclose = ({ code, reason }) => end(code, reason);
    // Chromium closes no socket that a page's policy forbids: this event is all that comes.
    socket.onerror = () => end();
  } catch {
    // In other browsers the constructor throws then.
    queueMicrotask(end);
  }
  return {
    name: "websocket",
    send(frame) {
      if (socket?.readyState !== OPEN) return false;
      socket.send(JSON.stringify(frame));
      return true;
    },
    close: leave,
  };
};

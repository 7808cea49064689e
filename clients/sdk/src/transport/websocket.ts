import { decode } from "../protocol/frames.ts";
import { retryAfter } from "../protocol/close_codes.ts";
import { address, query } from "../rest/http.ts";
import { broken, type OpenTransport } from "./transport.ts";

const OPEN = 1;

export const openWebSocket: OpenTransport = (target, events, { WebSocket }) => {
  const url = address(target.base, query("/channel/ws", { ...target.query, ...target.resume }));
  let socket: WebSocket | null = null;
  const leave = () => {
    if (socket) socket.onmessage = socket.onclose = null;
    socket?.close(1000);
    socket = null;
  };
  const fail = () => events.ended(broken("no WebSocket"));
  try {
    if (!WebSocket) throw new TypeError("there is no WebSocket");
    socket = new WebSocket(url.replace(/^http/, "ws"));
    socket.onmessage = ({ data }) => {
      const frame = typeof data === "string" ? decode(data) : null;
      if (frame) events.frame(frame);
      else events.heard();
    };
    socket.onclose = ({ code, reason }) => {
      // 1005, 1006 and all that is not ours is a broken network.
      const isOurs = code >= 4000;
      events.ended({ code: isOurs ? code : 0, reason, retryAfterMs: retryAfter(reason) });
    };
  } catch {
    // A page's policy may forbid the address: the constructor throws then.
    queueMicrotask(fail);
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

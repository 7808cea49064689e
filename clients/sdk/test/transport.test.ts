import { describe, expect, test } from "vitest";
import { eventReader } from "../src/transport/event_stream.ts";
import { openWebSocket } from "../src/transport/websocket.ts";
import type { End } from "../src/transport/transport.ts";

describe("a stream of events", () => {
  const text = ': hello\nretry: 1000\n\nid: 1:2\ndata: {"a":1}\n\nevent: close\r\ndata: x\r\ndata: y\r\n\r\n: ping\n\ndata:z\n\n';
  const whole = [
    { name: "", data: '{"a":1}' },
    { name: "close", data: "x\ny" },
    { name: "", data: "z" },
  ];

  test("is read as it is written", () => expect(eventReader()(text)).toEqual(whole));

  test("is read in any pieces", () => {
    for (let size = 1; size < 12; size++) {
      const take = eventReader();
      const pieces = text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? [];
      expect(pieces.flatMap((piece) => take(piece))).toEqual(whole);
    }
  });

  test("an event without an end is none", () => expect(eventReader()("data: half\n")).toEqual([]));
});

describe("a WebSocket", () => {
  const target = { base: "https://chat.example/base/", query: { session: "42", token: "t&1" }, resume: { after: "1:7" }, poll: () => ({}) };
  const ends: End[] = [];
  const events = { frame: () => undefined, heard: () => undefined, settled: () => undefined, ended: (end: End) => void ends.push(end) };

  class Socket {
    static last: Socket;
    readyState = 0;
    onclose: ((event: { code: number; reason: string }) => void) | null = null;
    onerror: (() => void) | null = null;
    onmessage: unknown = null;
    url: string;
    constructor(url: string) {
      this.url = url;
      Socket.last = this;
    }
    close() {
      this.readyState = 3;
    }
  }
  const means = { fetch, WebSocket: Socket as unknown as typeof WebSocket };

  test("is opened under the server's path, with its cursor", () => {
    openWebSocket(target, events, means);
    expect(Socket.last.url).toBe("wss://chat.example/base/channel/ws?session=42&token=t%261&after=1%3A7");
  });

  test("tells a code of the protocol with its time, and any other as a broken network", () => {
    openWebSocket(target, events, means);
    Socket.last.onclose?.({ code: 4004, reason: "restart; retry_after_ms=1830" });
    openWebSocket(target, events, means);
    Socket.last.onclose?.({ code: 1006, reason: "" });
    expect(ends.splice(0)).toEqual([
      { code: 4004, reason: "restart; retry_after_ms=1830", retryAfterMs: 1830 },
      { code: 0, reason: "", retryAfterMs: 0 },
    ]);
  });

  test("says nothing after it was closed here", () => {
    openWebSocket(target, events, means).close();
    Socket.last.onclose?.({ code: 1000, reason: "" });
    expect(ends).toEqual([]);
  });

  test("ends with an error that no close follows, and a close that does follow is not told again", () => {
    openWebSocket(target, events, means);
    Socket.last.onerror?.();
    expect(ends).toEqual([{ code: 0, reason: "", retryAfterMs: 0 }]);
    Socket.last.onclose?.({ code: 1006, reason: "" });
    expect(ends.splice(0)).toHaveLength(1);
  });

  test("that the page's policy forbids ends", async () => {
    const refusing = function refuse() {
      throw new DOMException("blocked", "SecurityError");
    };
    openWebSocket(target, events, { fetch, WebSocket: refusing as unknown as typeof WebSocket });
    await Promise.resolve();
    expect(ends.splice(0)).toMatchObject([{ code: 0 }]);
  });
});

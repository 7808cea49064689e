// Tabs of one browser: the channel and the locks are Node's, which are those of browsers.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { visitor, type Visitor } from "../src/index.ts";
import { FakeServer } from "./support/fake_server.ts";
import { Memory } from "./support/memory.ts";

let server: FakeServer;
let storage: Memory;
let site = 0;
let open: Visitor[] = [];

beforeEach(() => {
  server = new FakeServer();
  storage = new Memory();
  // A site of its own for each test: channels and locks are named after it.
  site++;
  server.site.key = `shop${site}`;
});

afterEach(() => {
  for (const one of open) one.destroy();
  open = [];
  expect(server.complaints).toEqual([]);
});

function tab(): Visitor {
  const { fetch, WebSocket } = server;
  const one = visitor({ url: "https://chat.example", site: `shop${site}`, storage, fetch, WebSocket, tabs: true });
  open.push(one);
  one.start();
  return one;
}

const until = (check: () => void) => vi.waitFor(check, { timeout: 3_000, interval: 5 });
const shown = (one: Visitor) =>
  one.snapshot().conversations[0]?.messages.map(({ body, tick }) => (tick ? `${body} (${tick})` : body)) ?? [];
const leaders = () => open.filter((one) => one.snapshot().isLeader);

async function talking(): Promise<Visitor> {
  const one = tab();
  one.send("Hello");
  await until(() => expect(shown(one)).toEqual(["Hello (sent)"]));
  return one;
}

describe("several tabs", () => {
  test("eight have one socket, and show the same", async () => {
    await talking();
    const others = Array.from({ length: 7 }, tab);
    server.say(42, "Good day");
    for (const one of others) await until(() => expect(shown(one)).toEqual(["Hello (sent)", "Good day"]));
    await until(() => expect(open.map((one) => one.snapshot().connection.state)).toEqual(Array(8).fill("live")));
    expect(open.map((one) => one.snapshot().unread)).toEqual(Array(8).fill(1));
    expect(leaders()).toEqual([open[0]]);
    expect(server.listeners.size).toBe(1);
    expect(server.calls.filter((call) => call === "WS")).toHaveLength(1);
  });

  test("a message of any tab is sent by the leader, and shows in all", async () => {
    const first = await talking();
    const second = tab();
    await until(() => expect(shown(second)).toEqual(["Hello (sent)"]));
    second.send("from the second");
    expect(shown(second)).toEqual(["Hello (sent)", "from the second (queued)"]);
    for (const one of [first, second]) await until(() => expect(shown(one)).toEqual(["Hello (sent)", "from the second (sent)"]));
    expect(server.texts(42)).toEqual(["Hello", "from the second"]);
    expect(server.calls.filter((call) => call.startsWith("POST /chat/session/42/messages"))).toEqual([]);
  });

  test("what one has read is read in all, and told once", async () => {
    const first = await talking();
    const second = tab();
    const { seq } = server.say(42, "Good day");
    await until(() => expect(second.snapshot().unread).toBe(1));
    second.read();
    await until(() => expect(first.snapshot().unread).toBe(0));
    await until(() => expect(server.chats.get(42)?.marks).toMatchObject([{ read_seq: seq }]));
  });

  test("typing goes by the leader's socket", async () => {
    await talking();
    const second = tab();
    await until(() => expect(shown(second)).toEqual(["Hello (sent)"]));
    second.typing(true);
    await until(() => expect(server.signals).toMatchObject([{ type: "typing", is_typing: true }]));
  });

  test("within a second of the leader's end another leads, and goes on where it was", async () => {
    const first = await talking();
    const second = tab();
    await until(() => expect(shown(second)).toEqual(["Hello (sent)"]));
    server.isDown = true;
    second.send("while nobody leads");
    const began = Date.now();
    first.destroy();
    server.say(42, "and this");
    server.isDown = false;
    await until(() => expect(second.snapshot().connection.state).toBe("live"));
    expect(Date.now() - began).toBeLessThan(1_000);
    await until(() => expect(shown(second).slice().sort()).toEqual(["Hello (sent)", "and this", "while nobody leads (sent)"]));
    expect(leaders()).toEqual([second]);
    expect(server.texts(42).filter((text) => text === "while nobody leads")).toHaveLength(1);
  });

  test("two that begin in the same moment open one session", async () => {
    const [first, second] = [tab(), tab()];
    first.send("one");
    second.send("two");
    await until(() => expect(server.chats.size).toBe(1));
    for (const one of [first, second]) {
      await until(() => expect(shown(one).slice().sort()).toEqual(["one (sent)", "two (sent)"]));
      expect(one.snapshot()).toMatchObject({ currentId: 42, opening: false });
    }
    expect(server.chats.size).toBe(1);
    expect(server.calls.filter((call) => call === "POST /chat/session")).toHaveLength(1);
  });

  test("a tab that was idle follows when another opens a session", async () => {
    const idle = tab();
    await talking();
    await until(() => expect(shown(idle)).toEqual(["Hello (sent)"]));
    expect(server.listeners.size).toBe(1);
  });

  test("to forget is to forget in all", async () => {
    const first = await talking();
    const second = tab();
    await until(() => expect(shown(second)).toEqual(["Hello (sent)"]));
    second.forget();
    await until(() => expect(first.snapshot().conversations).toEqual([]));
    expect(storage.kept.size).toBe(0);
    await until(() => expect(server.listeners.size).toBe(0));
  });

  test("a failed message may be sent again from any tab", async () => {
    const first = await talking();
    const second = tab();
    await until(() => expect(shown(second)).toEqual(["Hello (sent)"]));
    server.judge = (body) => (body === "bad" ? { status: 422, code: "invalid" } : null);
    first.send("bad");
    await until(() => expect(shown(second)).toEqual(["Hello (sent)", "bad (failed)"]));
    server.judge = () => null;
    second.retry(second.snapshot().conversations[0]?.messages.at(-1)?.key ?? "");
    for (const one of [first, second]) await until(() => expect(shown(one)).toEqual(["Hello (sent)", "bad (sent)"]));
  });
});

test("a leader that sleeps, as on a phone, loses the lead to a tab that is looked at", async () => {
  const first = await talking();
  first.destroy();
  const name = `switchboard:chat.example:shop${site}`;
  const stolen = navigator.locks.request(name, () => new Promise<void>(() => undefined)).catch((error: unknown) => error);
  const second = tab();
  await until(() => expect(second.snapshot().connection.state).toBe("live"));
  expect(await stolen).toMatchObject({ name: "AbortError" });
});

test("a leader that lost its lead steps down, and may lead again", async () => {
  const first = await talking();
  const name = `switchboard:chat.example:shop${site}`;
  let release: () => void = () => undefined;
  void navigator.locks.request(name, { steal: true }, () => new Promise<void>((done) => (release = done)));
  await until(() => expect(first.snapshot().isLeader).toBe(false));
  expect(server.listeners.size).toBe(0);
  release();
  await until(() => expect(first.snapshot()).toMatchObject({ isLeader: true, connection: { state: "live" } }));
});

test("a frame that is denied locks is by itself", async () => {
  const denied = { request: () => Promise.reject(new DOMException("denied", "SecurityError")) };
  vi.stubGlobal("navigator", { locks: denied });
  const one = await talking();
  await until(() => expect(one.snapshot()).toMatchObject({ isLeader: true, connection: { state: "live" } }));
  expect(server.chats.size).toBe(1);
  vi.unstubAllGlobals();
});

test("without locks each tab is by itself", async () => {
  vi.stubGlobal("BroadcastChannel", undefined);
  await talking();
  const second = tab();
  await until(() => expect(shown(second)).toEqual(["Hello (sent)"]));
  await until(() => expect(second.snapshot().connection.state).toBe("live"));
  expect(leaders()).toHaveLength(2);
  vi.unstubAllGlobals();
});

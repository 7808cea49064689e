// A visitor's chat on a small server that breaks in every way; the clock is the test's.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { visitor, type Visitor, type VisitorOptions } from "../src/index.ts";
// What a page loads when it needs it is there already: the clock of the test does not wait for files.
import "../src/visitor/later.ts";
import { FakeServer } from "./support/fake_server.ts";
import { forbidden, Memory } from "./support/memory.ts";

let server: FakeServer;
let storage: Memory;
let open: Visitor[] = [];

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-21T10:15:30.000Z") });
  server = new FakeServer();
  storage = new Memory();
});

afterEach(() => {
  for (const one of open) one.destroy();
  open = [];
  expect(server.complaints).toEqual([]);
  vi.useRealTimers();
});

/** A page with the chat on it. */
function page(options: Partial<VisitorOptions> = {}): Visitor {
  const { fetch, WebSocket } = server;
  const one = visitor({ url: "https://chat.example", site: "shop", storage, fetch, WebSocket, tabs: false, ...options });
  open.push(one);
  return one;
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const state = (one: Visitor) => one.snapshot().connection.state;
const current = (one: Visitor) => {
  const { conversations, currentId } = one.snapshot();
  return conversations.find(({ id }) => id === currentId);
};
const shown = (one: Visitor) => current(one)?.messages.map(({ body, tick }) => (tick ? `${body} (${tick})` : body)) ?? [];

async function talking(options: Partial<VisitorOptions> = {}): Promise<Visitor> {
  const one = page(options);
  one.start();
  one.send("Hello");
  await pass(1_000);
  expect(shown(one)).toEqual(["Hello (sent)"]);
  return one;
}

describe("before a word", () => {
  test("nothing is stored and nothing is connected", async () => {
    const one = page();
    one.start();
    await one.loadSite();
    one.typing(true);
    one.read();
    one.page("https://shop.example/cart");
    await pass(60_000);
    expect(storage.kept.size).toBe(0);
    expect(server.calls).toEqual(["GET /chat/sites/shop"]);
    expect(one.snapshot()).toMatchObject({ conversations: [], currentId: null, site: { name: "Shop" }, problem: null });
  });

  test("the site is read at most every 30 s", async () => {
    const one = page();
    await Promise.all([one.loadSite(), one.loadSite()]);
    await pass(29_000);
    await one.loadSite();
    expect(server.calls.length).toBe(1);
    await pass(2_000);
    await one.loadSite();
    expect(server.calls.length).toBe(2);
  });

  test.each([
    [403, "forbidden"],
    [404, "not_found"],
  ])("a site that answers %i is a problem with a word for it", async (status, code) => {
    server.next.set("/chat/sites", { status, code });
    const one = page();
    await expect(one.loadSite()).rejects.toMatchObject({ status, code });
    await pass(0);
    expect(one.snapshot().problem).toMatchObject({ code });
  });

  test.each([
    ["500 and HTML", () => new Response("<html>oops</html>", { status: 500 })],
    ["200 and HTML", () => new Response("<html>sign in to the wifi</html>")],
    ["nothing", () => new Response("")],
  ])("a server that answers %s is unavailable", async (_what, answer) => {
    server.next.set("/chat/sites", answer());
    await expect(page().loadSite()).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("a talk", () => {
  test("a message shows at once, opens a session, and is sent", async () => {
    const one = page();
    one.start();
    one.send("Hello");
    expect(shown(one)).toEqual(["Hello (queued)"]);
    expect(one.snapshot()).toMatchObject({ opening: true, currentId: 0 });
    await pass(1_000);
    expect(one.snapshot()).toMatchObject({ opening: false, currentId: 42 });
    expect(shown(one)).toEqual(["Hello (sent)"]);
    expect(state(one)).toBe("live");
    expect(server.chats.get(42)?.opened).toEqual({ site: "shop" });
  });

  test("snapshots are the same object while nothing changes, and views where nothing changed in them", async () => {
    const one = await talking();
    const before = one.snapshot();
    expect(one.snapshot()).toBe(before);
    server.say(42, "Good day");
    await pass(10);
    const after = one.snapshot();
    expect(after).not.toBe(before);
    expect(after.conversations[0]?.messages[0]).toBe(before.conversations[0]?.messages[0]);
  });

  test("an answer is news, delivered, and read when it is on the screen", async () => {
    const one = await talking();
    const heard: string[] = [];
    one.onMessage(({ body }, id) => heard.push(`${id}: ${body}`));
    const { seq } = server.say(42, "Good day");
    await pass(500);
    expect(heard).toEqual(["42: Good day"]);
    expect(one.snapshot().unread).toBe(1);
    expect(server.chats.get(42)?.marks).toMatchObject([{ delivered_seq: seq, read_seq: 0 }]);
    one.read();
    expect(one.snapshot().unread).toBe(0);
    await pass(500);
    expect(server.chats.get(42)?.marks).toMatchObject([{ delivered_seq: seq, read_seq: seq }]);
  });

  test("ticks follow the operator's marks", async () => {
    const one = await talking();
    const marks = { reader_type: "user", reader_id: 3, updated_at: "" } as const;
    server.tell(42, { type: "chat.delivered", session_id: 42, data: { ...marks, delivered_seq: 2, read_seq: 0 } });
    await pass(10);
    expect(shown(one)).toEqual(["Hello (delivered)"]);
    server.tell(42, { type: "chat.read", session_id: 42, data: { ...marks, delivered_seq: 2, read_seq: 2 } });
    await pass(10);
    expect(shown(one)).toEqual(["Hello (read)"]);
  });

  test("typing is shown for 6 s, and taken away by the message", async () => {
    const one = await talking();
    const typing = { sender_type: "operator", sender_id: 3, sender_name: "Olivia Park", is_typing: true } as const;
    server.tell(42, { type: "chat.typing", session_id: 42, data: typing });
    await pass(5_000);
    expect(current(one)?.typing).toEqual([{ id: 3, name: "Olivia Park" }]);
    await pass(1_100);
    expect(current(one)?.typing).toEqual([]);
    server.tell(42, { type: "chat.typing", session_id: 42, data: typing });
    server.say(42, "Good day");
    await pass(10);
    expect(current(one)?.typing).toEqual([]);
  });

  test("typing is told every 3 s, and once when it stops", async () => {
    const one = await talking();
    for (let second = 0; second < 7; second++) {
      one.typing(true);
      await pass(1_000);
    }
    one.typing(false);
    one.typing(false);
    await pass(10);
    expect(server.signals.map(({ is_typing: isTyping }) => isTyping)).toEqual([true, true, true, false]);
  });

  test("older messages come a page at a time", async () => {
    const one = await talking();
    for (let index = 0; index < 120; index++) server.say(42, `line ${index}`);
    one.destroy();
    storage.remove("switchboard:chat.example:shop:cache");
    const back = page();
    back.start();
    await pass(1_000);
    expect(current(back)?.messages.length).toBe(50);
    await Promise.all([back.loadOlder(), back.loadOlder()]);
    expect(current(back)?.messages.length).toBe(100);
    await back.loadOlder();
    expect(shown(back).slice(0, 2)).toEqual(["Hello (sent)", "line 0"]);
    expect(current(back)?.hasOlder).toBe(false);
  });
});

describe("a session whose opening had no answer", () => {
  const opening = "switchboard:chat.example:shop:opening";

  test("is the one that the next try gets, of the same client_id", async () => {
    server.losesAnswer = "/chat/session";
    const one = page();
    one.start();
    one.send("Hello");
    await pass(5_000);
    expect(shown(one)).toEqual(["Hello (sent)"]);
    expect([...server.chats.keys()]).toEqual([42]);
    expect(server.openings).toHaveLength(2);
    expect(new Set(server.openings).size).toBe(1);
    expect(storage.get(opening)).toBeNull();
    one.select(null);
    one.send("Something else");
    await pass(1_000);
    expect(new Set(server.openings).size).toBe(2);
    expect([...server.chats.keys()]).toEqual([42, 43]);
  });

  test("is found again after a reload", async () => {
    server.losesAnswer = "/chat/session";
    const one = page();
    one.start();
    one.send("Hello");
    await pass(10);
    one.destroy();
    expect(server.chats.size).toBe(1);
    const back = page();
    back.start();
    await pass(1_000);
    expect(shown(back)).toEqual(["Hello (sent)"]);
    expect(server.chats.size).toBe(1);
  });

  test("gets what the page has said since", async () => {
    server.losesAnswer = "/chat/session";
    const one = page();
    one.start();
    one.send("Hello");
    await pass(10);
    await one.setProfile({ email: "ana@example.com" });
    await pass(5_000);
    expect(server.chats.get(42)?.opened).toEqual({ site: "shop" });
    expect(server.chats.get(42)?.session.client.email).toBe("ana@example.com");
  });

  test("is not taken for that of another person", async () => {
    server.losesAnswer = "/chat/session";
    const one = page();
    one.start();
    one.send("Hello");
    await pass(10);
    await one.identify("x.eyJpZGVudGlmaWVyIjoiYW5uIn0.y");
    await pass(5_000);
    expect(new Set(server.openings).size).toBe(2);
  });

  test("is left where its client_id is another session's: a new one is taken and kept", async () => {
    server.losesAnswer = "/chat/session";
    const one = page();
    one.start();
    one.send("Hello");
    await pass(10);
    server.taken = 1;
    let failures = 1;
    server.judgeOpening = () => (failures-- > 0 ? { status: 503, code: "unavailable" } : null);
    await pass(10_000);
    const [first, , second] = server.openings;
    expect(shown(one)).toEqual(["Hello (sent)"]);
    expect(server.openings).toEqual([first, first, second, second]);
    expect(storage.get(opening)).toBeNull();
    expect(second).not.toBe(first);
    expect(one.snapshot().problem).toBeNull();
  });

  test("is asked for with a new client_id once in a call", async () => {
    server.taken = 5;
    const one = page();
    one.start();
    one.send("Hello");
    await pass(60_000);
    expect(new Set(server.openings).size).toBe(2);
    expect(server.openings).toHaveLength(2);
    expect(shown(one)).toEqual(["Hello (failed)"]);
    server.taken = 0;
    one.retry(current(one)?.messages[0]?.key ?? "");
    await pass(1_000);
    expect(shown(one)).toEqual(["Hello (sent)"]);
  });

  test("is forgotten with all the rest", async () => {
    server.losesAnswer = "/chat/session";
    const one = page();
    one.start();
    one.send("Hello");
    await pass(10);
    expect(storage.get(opening)).not.toBeNull();
    one.forget();
    expect(storage.kept.size).toBe(0);
  });
});

describe("the line above what is new", () => {
  /** History takes its time, as on a slow network. */
  const slow: typeof fetch = async (input, init) => {
    if (String(input).includes("/messages")) await new Promise((resolve) => setTimeout(resolve, 200));
    return server.fetch(input, init);
  };

  async function returning(): Promise<Visitor> {
    (await talking()).destroy();
    storage.remove("switchboard:chat.example:shop:cache");
    return page({ fetch: slow });
  }

  test("is not there for an answer that comes as soon as the first message is sent", async () => {
    const one = page({ fetch: slow });
    one.start();
    one.send("Hello");
    await pass(100);
    server.say(42, "Good day");
    await pass(1_000);
    expect(shown(one)).toEqual(["Hello (sent)", "Good day"]);
    expect(current(one)).toMatchObject({ unread: 1, unreadFrom: null });
  });

  test("is not there for a greeting that is older than the connection to the session that was just opened", async () => {
    const one = page({
      fetch: async (input, init) => {
        const answer = await server.fetch(input, init);
        if (String(input).endsWith("/chat/session")) server.say(42, "We will be with you in a moment");
        return answer;
      },
    });
    one.start();
    one.send("Hello");
    await pass(1_000);
    expect(current(one)).toMatchObject({ unread: 1, unreadFrom: null });
  });

  test("is there for what came before the connection, where nothing is cached", async () => {
    const back = await returning();
    server.say(42, "Good day");
    back.start();
    await pass(100);
    server.say(42, "Are you there?");
    await pass(1_000);
    expect(current(back)).toMatchObject({ unread: 2, unreadFrom: 0 });
  });

  test("is set anew when the visitor comes to see the conversation", async () => {
    const one = await talking();
    server.say(42, "Good day");
    server.say(42, "Are you there?");
    await pass(1_000);
    expect(current(one)).toMatchObject({ unread: 2, unreadFrom: null });
    one.look();
    expect(current(one)).toMatchObject({ unread: 2, unreadFrom: 0 });
    one.read();
    await pass(1_000);
    expect(current(one)).toMatchObject({ unread: 0, unreadFrom: 0 });
    one.look();
    expect(current(one)).toMatchObject({ unread: 0, unreadFrom: null });
  });

  test("is not there for what came behind the connection, while the history was read", async () => {
    const back = await returning();
    back.start();
    await pass(100);
    server.say(42, "Are you there?");
    await pass(1_000);
    expect(shown(back)).toEqual(["Hello (sent)", "Are you there?"]);
    expect(current(back)).toMatchObject({ unread: 1, unreadFrom: null });
  });
});

describe("coming back", () => {
  test("a reload shows what was cached before anything is asked, then what was missed", async () => {
    const one = await talking();
    server.say(42, "Good day");
    await pass(1_000);
    one.destroy();
    server.say(42, "Are you there?");
    const back = page();
    back.start();
    expect(shown(back)).toEqual(["Hello (sent)", "Good day"]);
    const calls = server.calls.length;
    await pass(1_000);
    expect(shown(back)).toEqual(["Hello (sent)", "Good day", "Are you there?"]);
    expect(server.calls.slice(calls)).toEqual(["WS"]);
  });

  test("what was not sent before a reload is sent after it, in order and once", async () => {
    const one = await talking();
    server.isDown = true;
    server.cut();
    one.send("one");
    one.send("two");
    await pass(3_000);
    one.destroy();
    server.isDown = false;
    const back = page();
    back.start();
    expect(shown(back)).toEqual(["Hello (sent)", "one (queued)", "two (queued)"]);
    await pass(1_000);
    expect(shown(back)).toEqual(["Hello (sent)", "one (sent)", "two (sent)"]);
    expect(server.texts(42)).toEqual(["Hello", "one", "two"]);
  });

  test("a session that was not open before a reload is opened after it", async () => {
    server.isDown = true;
    const one = page();
    one.start();
    one.send("Hello");
    await pass(2_000);
    one.destroy();
    server.isDown = false;
    const back = page();
    back.start();
    await pass(1_000);
    expect(shown(back)).toEqual(["Hello (sent)"]);
    expect(server.chats.size).toBe(1);
  });

  test("an answer that was lost is asked for again, and the message is there once", async () => {
    const one = await talking();
    server.isSilent = true;
    one.send("lost");
    await pass(100);
    server.isSilent = false;
    server.cut();
    await pass(2_000);
    expect(server.texts(42)).toEqual(["Hello", "lost"]);
    expect(shown(one)).toEqual(["Hello (sent)", "lost (sent)"]);
  });

  test("a token from yesterday is renewed before the handshake", async () => {
    (await talking()).destroy();
    server.expireTokens();
    await pass(86_400_000);
    const calls = server.calls.length;
    const back = page();
    back.start();
    await pass(1_000);
    expect(state(back)).toBe("live");
    expect(server.calls.slice(calls)).toEqual(["GET /chat/session/42/channel-token", "WS"]);
  });

  test.each([
    ["a day ahead", 86_400_000],
    ["a day behind", -86_400_000],
  ])("a clock that is %s does not matter", async (_what, off) => {
    vi.setSystemTime(Date.now() + off);
    const one = await talking();
    await pass(60_000);
    expect(state(one)).toBe("live");
    expect(server.calls.filter((call) => call.includes("channel-token"))).toEqual([]);
  });

  test("a token that the server does not take any more is renewed though it looks good", async () => {
    const one = await talking();
    server.expireTokens();
    server.cut();
    await pass(3_000);
    expect(state(one)).toBe("live");
  });

  test("a token is renewed on the socket that stands, before it is over", async () => {
    const one = await talking();
    await pass(86_400_000 * 0.81);
    expect(server.calls.filter((call) => call === "WS" || call === "auth")).toEqual(["WS", "auth"]);
    expect(state(one)).toBe("live");
  });

  test("a listener that throws stops nothing", async () => {
    const reported = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const one = await talking();
    one.onMessage(() => {
      throw new Error("the page's own mistake");
    });
    server.say(42, "one");
    server.say(42, "two");
    await pass(100);
    expect(shown(one)).toEqual(["Hello (sent)", "one", "two"]);
    expect(reported).toHaveBeenCalledTimes(2);
    reported.mockRestore();
  });

  test("a restored database: all is read anew", async () => {
    const one = await talking();
    server.say(42, "Good day");
    await pass(100);
    const chat = server.chats.get(42);
    chat?.messages.pop();
    if (chat) chat.seq--;
    server.epoch = 2;
    server.cut();
    await pass(3_000);
    expect(shown(one)).toEqual(["Hello (sent)"]);
    server.say(42, "Good evening");
    await pass(100);
    expect(shown(one)).toEqual(["Hello (sent)", "Good evening"]);
  });

  test("a restored database where nothing but a position tells", async () => {
    const one = await talking();
    server.say(42, "Good day");
    await pass(100);
    const chat = server.chats.get(42);
    chat?.messages.pop();
    if (chat) chat.seq--;
    server.cut();
    await pass(3_000);
    expect(shown(one)).toEqual(["Hello (sent)"]);
  });

  test("a network that goes silent is found by the ping, and nothing is lost", async () => {
    const one = await talking();
    server.isSilent = true;
    server.say(42, "into the void");
    await pass(30_000);
    expect(state(one)).not.toBe("live");
    server.isSilent = false;
    await pass(30_000);
    expect(shown(one)).toEqual(["Hello (sent)", "into the void"]);
  });
});

describe("a session that is no more", () => {
  const kept = () => JSON.parse(storage.get("switchboard:chat.example:shop:device") ?? "{}") as { sessions: { id: number }[] };
  const keys = (id: number) => server.chats.get(id)?.messages.map(({ client_id }) => client_id);

  test("is forgotten after a restore, and what waits for it goes into a new one, in order and with its keys", async () => {
    const one = await talking();
    server.isDown = true;
    server.cut();
    one.send("one");
    one.send("two");
    await pass(1_000);
    const written = current(one)?.messages.slice(1).map(({ key }) => key);
    one.destroy();
    server.lose(42);
    server.isDown = false;
    const back = page();
    back.start();
    await pass(5_000);
    expect(server.texts(43)).toEqual(["one", "two"]);
    expect(keys(43)).toEqual(written);
    expect(shown(back)).toEqual(["one (sent)", "two (sent)"]);
    expect(state(back)).toBe("live");
    expect(back.snapshot().conversations.map(({ id }) => id)).toEqual([43]);
    expect(kept().sessions.map(({ id }) => id)).toEqual([43]);
    expect(storage.get("switchboard:chat.example:shop:cache")).not.toContain("Hello");
  });

  test.each([
    ["a socket that is closed with 4500", () => server.close(4500, "not_found")],
    ["a socket that breaks", () => server.cut()],
  ])("is found by %s; nothing is opened before something is written", async (_what, end) => {
    const one = await talking();
    server.lose(42);
    end();
    await pass(10_000);
    expect(one.snapshot()).toMatchObject({ conversations: [], currentId: null, connection: { state: "idle" }, problem: null });
    expect(server.openings).toHaveLength(1);
    one.send("again");
    await pass(1_000);
    expect(shown(one)).toEqual(["again (sent)"]);
  });

  test("is found by a message that the open socket refuses", async () => {
    const one = await talking();
    server.judge = (_body, attempt) => (attempt === 1 ? { status: 404, code: "not_found" } : null);
    server.lose(42);
    one.send("again");
    await pass(5_000);
    expect(shown(one)).toEqual(["again (sent)"]);
    expect(server.texts(43)).toEqual(["again"]);
  });

  test("is told apart by a wrong secret; a message that was refused for good comes along", async () => {
    const one = await talking();
    server.judge = (body) => (body === "poison" ? { status: 400, code: "invalid" } : null);
    one.send("poison");
    await pass(100);
    one.destroy();
    server.expireTokens();
    storage.set("switchboard:chat.example:shop:device", JSON.stringify(kept()).replace("secret-42", "wrong"));
    const back = page();
    back.start();
    back.send("fine");
    await pass(10_000);
    expect(shown(back)).toEqual(["fine (sent)", "poison (failed)"]);
    expect(kept().sessions.map(({ id }) => id)).toEqual([43]);
  });

  test("leaves the others of the device, and one of them is connected", async () => {
    const one = await talking();
    one.select(null);
    one.send("Something else");
    await pass(1_000);
    server.lose(43);
    server.cut();
    await pass(10_000);
    expect(one.snapshot().conversations.map(({ id }) => id)).toEqual([42]);
    expect(state(one)).toBe("live");
    server.say(42, "Good day");
    await pass(100);
    expect(shown(one)).toEqual(["Hello (sent)", "Good day"]);
    expect(server.chats.size).toBe(1);
  });

  test("and that proves the device for a new one does not keep it from being opened", async () => {
    const one = await talking();
    one.select(null);
    server.lose(42);
    one.send("Something else");
    await pass(5_000);
    expect(shown(one)).toEqual(["Something else (sent)"]);
    expect(kept().sessions.map(({ id }) => id)).toEqual([43]);
  });

  test.each([
    ["403", { status: 403, code: "forbidden" }],
    ["500", { status: 500, code: "internal" }],
    ["404 of a proxy", new Response("<html>not found</html>", { status: 404 })],
  ])("is not what %s says", async (_what, answer) => {
    (await talking()).destroy();
    server.expireTokens();
    await pass(86_400_000);
    server.next.set("/chat/session/42/channel-token", answer);
    const back = page();
    back.start();
    await pass(10_000);
    expect(kept().sessions.map(({ id }) => id)).toEqual([42]);
    expect(server.openings).toHaveLength(1);
  });

  test("has another in its place once in a minute, whatever the server says", async () => {
    const one = await talking();
    const opened = server.openings.length;
    server.judge = () => {
      for (const id of server.chats.keys()) server.lose(id);
      return { status: 404, code: "not_found" };
    };
    one.send("again");
    await pass(179_000);
    expect(server.openings.length - opened).toBeLessThanOrEqual(3);
    expect(shown(one)).toEqual(["again (queued)"]);
    server.judge = () => null;
    await pass(65_000);
    expect(shown(one)).toEqual(["again (sent)"]);
  });

  test("of which the device knows nothing is as good: what was written to it is sent", async () => {
    const one = await talking();
    server.isDown = true;
    server.cut();
    one.send("one");
    one.destroy();
    server.isDown = false;
    storage.set("switchboard:chat.example:shop:device", '{"sessions":[null]}');
    const back = page();
    back.start();
    await pass(1_000);
    expect(shown(back)).toEqual(["one (sent)"]);
  });
});

describe("other ways through", () => {
  test.each([
    ["sse", ["websocket"]],
    ["polling", ["websocket", "sse"]],
  ] as const)("%s carries a talk where %s is blocked", async (transport, blocked) => {
    for (const one of blocked) server.blocked.add(one);
    const one = page();
    one.start();
    one.send("Hello");
    await pass(5_000);
    expect(one.snapshot().connection).toMatchObject({ state: "live", transport });
    expect(shown(one)).toEqual(["Hello (sent)"]);
    const { seq } = server.say(42, "Good day");
    await pass(500);
    expect(shown(one)).toEqual(["Hello (sent)", "Good day"]);
    one.read();
    one.typing(true);
    one.send("Thanks");
    await pass(1_000);
    expect(server.texts(42)).toEqual(["Hello", "Good day", "Thanks"]);
    expect(server.chats.get(42)?.marks).toMatchObject([{ read_seq: seq }]);
    expect(server.signals).toEqual([{ type: "typing", is_typing: true }]);
    server.say(42, "Bye");
    await pass(500);
    expect(shown(one)).toEqual(["Hello (sent)", "Good day", "Thanks (sent)", "Bye"]);
  });

  test("what was written while the connection fell through all three comes once and in order", async () => {
    const one = await talking();
    server.blocked.add("websocket");
    server.cut();
    one.send("one");
    await pass(4_000);
    server.blocked.add("sse");
    server.cut();
    one.send("two");
    server.say(42, "between");
    await pass(50_000);
    expect(one.snapshot().connection).toMatchObject({ state: "live", transport: "polling" });
    server.blocked.clear();
    one.send("three");
    await pass(1_000_000);
    expect(one.snapshot().connection).toMatchObject({ state: "live", transport: "websocket" });
    expect(server.texts(42)).toEqual(["Hello", "one", "between", "two", "three"]);
    expect(shown(one).map((text) => text.replace(" (sent)", ""))).toEqual(server.texts(42));
  });

  test.each(["sse", "polling"] as const)("a close code is heard on %s too", async (transport) => {
    server.blocked.add("websocket");
    if (transport === "polling") server.blocked.add("sse");
    const one = page();
    one.start();
    one.send("Hello");
    await pass(5_000);
    server.close(4501, "revoked");
    await pass(100);
    expect(one.snapshot().connection).toMatchObject({ state: "closed", closed: { code: 4501, reason: "revoked" } });
  });
});

describe("refusals", () => {
  test("a message that is refused stays, with Retry and Delete, and does not hold up the next", async () => {
    const one = await talking();
    server.judge = (body) => (body === "bad" ? { status: 422, code: "invalid" } : null);
    one.send("bad");
    one.send("good");
    await pass(1_000);
    expect(shown(one)).toEqual(["Hello (sent)", "good (sent)", "bad (failed)"]);
    const failed = current(one)?.messages.at(-1);
    expect(failed?.error).toMatchObject({ code: "invalid" });
    server.judge = () => null;
    one.retry(failed?.key ?? "");
    await pass(100);
    expect(shown(one)).toEqual(["Hello (sent)", "good (sent)", "bad (sent)"]);
  });

  test("a failed message can be thrown away", async () => {
    const one = await talking();
    server.judge = () => ({ status: 403, code: "forbidden" });
    one.send("bad");
    await pass(100);
    one.discard(current(one)?.messages.at(-1)?.key ?? "");
    expect(shown(one)).toEqual(["Hello (sent)"]);
  });

  test("too many at once wait as long as the server says, and keep their order", async () => {
    const one = await talking();
    server.judge = (body, attempt) =>
      body === "one" && attempt < 3 ? { status: 429, code: "rate_limited", details: { retry_after_ms: 700 } } : null;
    one.send("one");
    one.send("two");
    await pass(600);
    expect(shown(one)).toEqual(["Hello (sent)", "one (queued)", "two (queued)"]);
    await pass(1_000);
    expect(server.texts(42)).toEqual(["Hello", "one", "two"]);
  });

  test("a message on which the server always fails does not stand before the others for ever", async () => {
    const one = await talking();
    server.judge = (body) => (body === "poison" ? { status: 500, code: "internal" } : null);
    one.send("poison");
    one.send("fine");
    await pass(30_000);
    expect(shown(one)).toEqual(["Hello (sent)", "fine (sent)", "poison (failed)"]);
  });

  test("a site that wants an identity says so, and the message waits for it", async () => {
    server.site.identity = "required";
    const one = page();
    one.start();
    one.send("Hello");
    await pass(100);
    expect(one.snapshot()).toMatchObject({ problem: { code: "identity_required" }, opening: false });
    expect(shown(one)).toEqual(["Hello (failed)"]);
    await one.identify("x.eyJpZGVudGlmaWVyIjoidS0xNyJ9.y");
    one.retry(current(one)?.messages[0]?.key ?? "");
    await pass(1_000);
    expect(shown(one)).toEqual(["Hello (sent)"]);
    expect(one.snapshot().problem).toBeNull();
  });

  test("a server that is away while the first message is written", async () => {
    server.isDown = true;
    const one = page();
    one.start();
    one.send("Hello");
    await pass(60_000);
    expect(shown(one)).toEqual(["Hello (queued)"]);
    server.isDown = false;
    await pass(21_000);
    expect(shown(one)).toEqual(["Hello (sent)"]);
    expect(server.chats.size).toBe(1);
  });

  test("a place that was taken by a newer connection is given up, and taken again at the next word", async () => {
    const one = await talking();
    server.close(4502, "too many connections");
    await pass(60_000);
    expect(state(one)).toBe("closed");
    one.send("still here");
    await pass(1_000);
    expect(shown(one)).toEqual(["Hello (sent)", "still here (sent)"]);
  });
});

describe("storage", () => {
  test("storage that throws is as good as none", async () => {
    const one = await talking({ storage: forbidden });
    expect(server.texts(42)).toEqual(["Hello"]);
    one.send("again");
    await pass(100);
    expect(server.texts(42)).toEqual(["Hello", "again"]);
  });

  test.each(["", "null", "[]", "{}", '{"sessions":5}', '{"chats":[{}]}', '"x"', "{"])("storage that holds %j is begun anew", async (nonsense) => {
    for (const key of ["device", "outbox", "cache"]) storage.set(`switchboard:chat.example:shop:${key}`, nonsense);
    await talking();
  });

  describe("that is poisoned", () => {
    const prefix = "switchboard:chat.example:shop:";
    const good = { key: "11111111-1111-4111-8111-111111111111", chat: 42, body: "waits", at: "2026-11-21T10:15:00Z", no: 5 };

    test("loses none of the good sessions, and throws nothing", async () => {
      (await talking()).destroy();
      const device = JSON.parse(storage.get(`${prefix}device`) ?? "") as { sessions: object[] };
      const [held] = device.sessions;
      const bad = [null, 7, "x", [], {}, { ...held, id: "43" }, { ...held, id: 43.5 }, { ...held, id: 44, token: null }];
      storage.set(`${prefix}device`, JSON.stringify({ sessions: [...bad, held] }));
      const back = page();
      back.start();
      expect(back.snapshot().conversations.map(({ id }) => id)).toEqual([42]);
      back.send("again");
      await pass(1_000);
      expect(shown(back)).toEqual(["Hello (sent)", "again (sent)"]);
    });

    test("with nothing but bad sessions holds none", async () => {
      for (const sessions of [[null], [{ id: "42", token: "t", receivedAt: 0, lifetimeMs: 1 }], "x", null]) {
        storage.set(`${prefix}device`, JSON.stringify({ sessions }));
        const one = page();
        one.start();
        expect(one.snapshot().conversations).toEqual([]);
      }
      await talking();
    });

    test.each([
      ["null", null],
      ["no time", { ...good, at: undefined }],
      ["a time that is none", { ...good, at: "soon" }],
      ["no key", { ...good, key: undefined }],
      ["a number for a body", { ...good, body: 5 }],
      ["no body", { ...good, body: undefined }],
      ["text for a chat", { ...good, chat: "42" }],
      ["a place without end", { ...good, no: 1e300 }],
      ["text for an error", { ...good, error: "x" }],
      ["two megabytes", { ...good, body: "x".repeat(2_000_000) }],
    ])("has no message where one has %s, and sends the others", async (_what, bad) => {
      (await talking()).destroy();
      storage.set(`${prefix}outbox:bad`, JSON.stringify(bad && "key" in bad && bad.key ? { ...bad, key: "bad" } : bad));
      storage.set(`${prefix}outbox:${good.key}`, JSON.stringify(good));
      const back = page();
      back.start();
      await pass(1_000);
      expect(shown(back)).toEqual(["Hello (sent)", "waits (sent)"]);
      expect([...storage.kept.keys()].filter((key) => key.includes("outbox"))).toEqual([]);
    });
  });

  test("keys have the server and the site in their names", async () => {
    await talking();
    await pass(1_000);
    for (const key of storage.kept.keys()) expect(key).toMatch(/^switchboard:chat\.example:shop:/);
  });

  test("forget leaves nothing", async () => {
    const one = await talking();
    await pass(1_000);
    one.forget();
    await pass(1_000);
    expect(storage.kept.size).toBe(0);
    expect(one.snapshot()).toMatchObject({ conversations: [], connection: { state: "idle" } });
    expect(server.listeners.size).toBe(0);
  });
});

describe("persons and conversations", () => {
  const ann = "x.eyJpZGVudGlmaWVyIjoiYW5uIn0.y";
  const ben = "x.eyJpZGVudGlmaWVyIjoiYmVuIn0.y";

  test("a visitor who signs in keeps the talk", async () => {
    const one = await talking();
    await one.identify(ann);
    expect(server.chats.get(42)?.contact).toBe(ann);
    expect(shown(one)).toEqual(["Hello (sent)"]);
  });

  test("another person does not see it, nor does nobody", async () => {
    const one = await talking();
    await one.identify(ann);
    await one.identify(ben);
    expect(one.snapshot().conversations).toEqual([]);
    one.send("I am Ben");
    await pass(1_000);
    expect(shown(one)).toEqual(["I am Ben (sent)"]);
    expect(server.chats.get(43)?.contact).toBe(ben);
    await one.identify(null);
    expect(one.snapshot().conversations).toEqual([]);
  });

  test("the same person again changes nothing and asks nothing", async () => {
    const one = await talking();
    await one.identify(ann);
    const calls = server.calls.length;
    await one.identify(ann);
    expect(server.calls.length).toBe(calls);
  });

  test("a new conversation begins with the next message, of the same browser", async () => {
    const one = await talking();
    one.select(null);
    one.send("Something else");
    await pass(1_000);
    expect(shown(one)).toEqual(["Something else (sent)"]);
    expect(one.snapshot().conversations.map(({ id }) => id)).toEqual([43, 42]);
    expect(server.chats.get(43)?.opened.device).toEqual({ session_id: 42, visitor_secret: "secret-42" });
    one.select(42);
    await pass(1_000);
    server.say(42, "About the first matter");
    await pass(100);
    expect(shown(one)).toEqual(["Hello (sent)", "About the first matter"]);
  });

  test("a proved visitor sees the conversation of another device, and writes there", async () => {
    const phone = await talking({ storage: new Memory() });
    await phone.identify(ann);
    phone.destroy();
    const laptop = page();
    laptop.start();
    laptop.send("On my laptop");
    await pass(1_000);
    await laptop.identify(ann);
    expect(laptop.snapshot().conversations.map(({ id }) => id)).toEqual([43, 42]);
    laptop.select(42);
    laptop.send("And here");
    await pass(1_000);
    expect(shown(laptop)).toEqual(["Hello (sent)", "And here (sent)"]);
  });

  test("a person sees its conversations on a device that has none, before a word is written there", async () => {
    const phone = await talking({ storage: new Memory() });
    await phone.identify(ann);
    phone.destroy();
    server.say(42, "Good day");
    const laptop = page();
    laptop.start();
    await laptop.identify(ann);
    await pass(1_000);
    expect(state(laptop)).toBe("live");
    expect(laptop.snapshot()).toMatchObject({ currentId: 42, unread: 1 });
    expect(shown(laptop)).toEqual(["Hello (sent)", "Good day"]);
    laptop.send("On my laptop");
    await pass(1_000);
    expect(server.texts(42)).toEqual(["Hello", "Good day", "On my laptop"]);
    expect(server.chats.size).toBe(1);
    // The next page needs no identity at once, and a token that has ended is renewed by it.
    laptop.destroy();
    server.expireTokens();
    await pass(86_400_000);
    const again = page({ identity: () => Promise.resolve(ann) });
    again.start();
    await pass(1_000);
    expect(state(again)).toBe("live");
    await again.identify(null);
    expect(again.snapshot().conversations).toEqual([]);
    expect(storage.kept.size).toBe(0);
  });

  test("a person that has never written stores nothing, and is not connected", async () => {
    const one = page();
    one.start();
    await one.identify(ann);
    await pass(60_000);
    expect(server.calls).toEqual(["POST /chat/sites/shop/sessions"]);
    expect(storage.kept.size).toBe(0);
    expect(state(one)).toBe("idle");
  });

  test("a device that only the identity opens is told once it is over, and goes on with the next one", async () => {
    const phone = await talking({ storage: new Memory() });
    await phone.identify(ann);
    phone.destroy();
    (await signedIn()).destroy();
    server.expireTokens();
    server.expired.add(ann);
    await pass(86_400_000);
    const back = page({ identity: () => Promise.resolve(ann) });
    back.start();
    await pass(10_000);
    expect(state(back)).toBe("closed");
    expect(back.snapshot().conversations.map(({ id }) => id)).toEqual([42]);
    server.expired.clear();
    back.start();
    await pass(1_000);
    expect(state(back)).toBe("live");
  });

  async function signedIn(): Promise<Visitor> {
    const one = page();
    one.start();
    await one.identify(ann);
    await pass(1_000);
    return one;
  }

  test("what an operator writes in an earlier conversation is counted and told within seconds", async () => {
    const one = await talking();
    one.select(null);
    one.send("Something else");
    await pass(5_000);
    const told: string[] = [];
    one.onMessage(({ body }, id) => told.push(`${id}: ${body}`));
    server.say(42, "About the first matter");
    await pass(16_000);
    expect(told).toEqual(["42: About the first matter"]);
    expect(one.snapshot().unread).toBe(1);
    await pass(60_000);
    expect(told.length).toBe(1);
    one.select(42);
    await pass(1_000);
    one.read();
    await pass(500);
    one.select(43);
    expect(one.snapshot().unread).toBe(0);
  });

  test("what was written meanwhile in an earlier conversation is counted as soon as a page is connected", async () => {
    const one = await talking();
    one.select(null);
    one.send("Something else");
    await pass(1_000);
    one.destroy();
    server.say(42, "About the first matter");
    const back = page();
    back.start();
    await pass(3_000);
    expect(back.snapshot().unread).toBe(1);
    const earlier = back.snapshot().conversations.find(({ id }) => id === 42);
    expect(earlier?.messages.map(({ body }) => body)).toEqual(["Hello"]);
    expect(earlier?.lastMessage?.body).toBe("About the first matter");
  });

  test("earlier conversations that are closed are asked for once a minute, a single one never", async () => {
    const one = await talking();
    const lists = () => server.calls.filter((call) => call.endsWith("/sessions")).length;
    await pass(120_000);
    expect(lists()).toBe(0);
    one.select(null);
    one.send("Something else");
    server.setStatus(42, "closed");
    await pass(5_000);
    const before = lists();
    await pass(120_000);
    expect(lists() - before).toBe(2);
  });

  test("name and e-mail go with the opening, or after it", async () => {
    const one = page();
    one.start();
    await one.setProfile({ name: "Ana", metadata: { plan: "pro" } });
    one.send("Hello");
    await pass(1_000);
    expect(server.chats.get(42)?.opened).toEqual({ site: "shop", name: "Ana", metadata: { plan: "pro" } });
    await one.setProfile({ email: "ana@example.com" });
    expect(server.chats.get(42)?.session.client.email).toBe("ana@example.com");
    await one.setProfile({ metadata: { cart: 3 } });
    expect(server.chats.get(42)?.opened.metadata).toEqual({ plan: "pro", cart: 3 });
  });

  test("a name that the server does not take keeps nobody from writing", async () => {
    const one = page({ locale: "much-too-long-".repeat(9) });
    one.start();
    await one.setProfile({ name: "Ana".repeat(20_000) });
    server.next.set("/chat/session", { status: 400, code: "invalid" });
    one.send("Hello");
    await pass(1_000);
    expect(server.chats.get(42)?.opened).toEqual({ site: "shop" });
    expect(shown(one)).toEqual(["Hello (sent)"]);
  });

  describe("a field that the server does not take", () => {
    const invalid = (field?: string) => ({ status: 422, code: "invalid", details: field === undefined ? {} : { field } });
    const refusing = (field: string) => (body: Record<string, unknown>) => (field in body ? invalid(field) : null);
    const warned = () => {
      const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
      return () => warn.mock.calls.map(([text]) => String(text));
    };
    afterEach(() => void vi.restoreAllMocks());

    test("and that the page gave is left out alone, with a warning that names it", async () => {
      const warnings = warned();
      server.judgeOpening = refusing("metadata");
      const one = page({ locale: "en-GB" });
      one.start();
      await one.setProfile({ name: "Ana", email: "ana@example.com", metadata: { text: "x".repeat(9_000) } });
      one.send("Hello");
      await pass(1_000);
      expect(shown(one)).toEqual(["Hello (sent)"]);
      expect(server.chats.get(42)?.opened).toEqual({ site: "shop", locale: "en-GB", name: "Ana", email: "ana@example.com" });
      expect(warnings()).toEqual(["Switchboard: metadata was refused and is left out. invalid: refused: invalid"]);
      await one.setProfile({ metadata: { plan: "pro" } });
      expect(server.chats.get(42)?.opened.metadata).toEqual({ plan: "pro" });
    });

    test("is left out one after the other, also an identity that is no token", async () => {
      const warnings = warned();
      server.judgeOpening = (body) => refusing("email")(body) ?? refusing("identity")(body);
      const one = page({ identity: async () => "no token" });
      one.start();
      await one.setProfile({ name: "Ana", email: "ana" });
      one.send("Hello");
      await pass(1_000);
      expect(shown(one)).toEqual(["Hello (sent)"]);
      expect(server.chats.get(42)?.opened).toEqual({ site: "shop", name: "Ana" });
      expect(warnings().map((text) => text.split(" ")[1])).toEqual(["email", "identity"]);
    });

    test.each([
      ["without a name for it", invalid()],
      ["because all is too large", { status: 413, code: "too_large" }],
    ])("%s goes with all that may be left out", async (_what, refusal) => {
      const warnings = warned();
      server.judgeOpening = (body) => ("metadata" in body ? refusal : null);
      const one = page();
      one.start();
      await one.setProfile({ metadata: { text: "x" } });
      one.send("Hello");
      await pass(1_000);
      expect(shown(one)).toEqual(["Hello (sent)"]);
      expect(warnings()).toHaveLength(1);
    });

    test("and that the visitor has typed stops the opening, and is named", async () => {
      const warnings = warned();
      server.judgeOpening = ({ email }) => (email === "ana@x" ? invalid("email") : null);
      const one = page();
      one.start();
      await one.setProfile({ metadata: { plan: "pro" } });
      await one.setProfile({ name: "Ana", email: "ana@x" }, "visitor");
      one.send("Hello");
      await pass(1_000);
      expect(shown(one)).toEqual(["Hello (failed)"]);
      expect(one.snapshot()).toMatchObject({ opening: false, problem: { code: "invalid", field: "email" } });
      await one.setProfile({ email: "ana@example.com" }, "visitor");
      one.retry(current(one)?.messages[0]?.key ?? "");
      await pass(1_000);
      expect(shown(one)).toEqual(["Hello (sent)"]);
      expect(server.chats.get(42)?.opened).toEqual({ site: "shop", name: "Ana", email: "ana@example.com", metadata: { plan: "pro" } });
      expect(one.snapshot().problem).toBeNull();
      expect(warnings()).toEqual([]);
    });

    test("and that the visitor takes back is not sent again", async () => {
      server.judgeOpening = refusing("email");
      const one = page();
      one.start();
      await one.setProfile({ email: "ana@x" }, "visitor");
      one.send("Hello");
      await pass(1_000);
      one.retry(current(one)?.messages[0]?.key ?? "");
      await pass(1_000);
      expect(shown(one)).toEqual(["Hello (sent)"]);
    });

    test("and that no session can do without is asked once", async () => {
      server.judgeOpening = () => invalid("site");
      const one = page();
      one.start();
      one.send("Hello");
      await pass(1_000);
      expect(shown(one)).toEqual(["Hello (failed)"]);
      expect(server.openings).toHaveLength(1);
    });
  });

  test("half an emoji is no character, and the page of a file no address", async () => {
    const one = page({ pageUrl: () => "file:///home/ana/shop.html" });
    one.start();
    one.send("half \ud83d of 😀");
    await pass(1_000);
    expect(server.chats.get(42)?.opened).toEqual({ site: "shop" });
    expect(server.texts(42)).toEqual(["half \ufffd of 😀"]);
    one.page("https://shop.example/", "😀".repeat(201));
    one.page("about:blank");
    await pass(100);
    expect(server.signals.filter(({ type }) => type === "page")).toMatchObject([{ title: "😀".repeat(200) }]);
  });

  test("what another page has said of the visitor is not lost", async () => {
    const one = await talking();
    await one.setProfile({ metadata: { plan: "pro" } });
    one.destroy();
    const two = page();
    two.start();
    await two.setProfile({ metadata: { cart: 3 } });
    expect(server.chats.get(42)?.opened.metadata).toEqual({ plan: "pro", cart: 3 });
    two.forget();
    two.send("Hello");
    await pass(1_000);
    expect(server.chats.get(43)?.opened).toEqual({ site: "shop" });
  });
});

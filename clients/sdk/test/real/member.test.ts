// Operators and users on a real server.
import { afterEach, describe, expect, test } from "vitest";
import { member, type MemberClient, type MemberOptions } from "../../src/index.ts";
import { account, canMakeAccounts, group, Page, serves, until, url, type Account } from "./server.ts";

const hasPoll = await serves("/channel/poll", { method: "POST", body: "{}" });

let open: (() => void)[] = [];

afterEach(() => {
  for (const close of open) close();
  open = [];
});

/** A member, with sockets that can be broken from outside. */
class Seat {
  readonly sockets: WebSocket[] = [];
  readonly client: MemberClient;
  isOffline = false;
  isBlocked = false;
  isPolling = false;

  constructor(who: Account, kind: MemberOptions["kind"]) {
    const seat = this;
    class Tapped extends WebSocket {
      constructor(address: string | URL) {
        super(seat.isOffline || seat.isBlocked ? "ws://127.0.0.1:9/" : address);
        seat.sockets.push(this);
      }
    }
    this.client = member({
      url,
      kind,
      getToken: who.token,
      WebSocket: Tapped,
      fetch: (input, init) => {
        const isStream = this.isPolling && new URL(String(input)).pathname === "/channel/sse";
        return this.isOffline || isStream ? Promise.reject(new TypeError("offline")) : fetch(input, init);
      },
    });
    open.push(() => this.client.destroy());
    this.client.start();
  }

  cut(): void {
    for (const socket of this.sockets) socket.close();
  }

  get state(): string {
    return this.client.snapshot().connection.state;
  }

  shown(chat: number): string[] {
    const messages = this.client.snapshot().chats.get(chat)?.messages ?? [];
    return messages.map(({ body, tick }) => (tick ? `${body} (${tick})` : body));
  }
}

async function lunch() {
  const [ada, ben] = [await account("user"), await account("user")];
  const chat = group(ada, ben);
  const [first, second] = [new Seat(ada, "user"), new Seat(ben, "user")];
  for (const seat of [first, second]) {
    await until(() => expect(seat.state).toBe("live"));
    await seat.client.open(chat);
  }
  return { ada, ben, chat, first, second };
}

describe.runIf(canMakeAccounts)("users on a real server", () => {
  test("two talk, and see each other's marks and typing", async () => {
    const { chat, first, second } = await lunch();
    first.client.send(chat, "Soup?");
    await until(() => expect(second.shown(chat)).toEqual(["Soup?"]));
    await until(() => expect(first.shown(chat)).toEqual(["Soup? (delivered)"]));
    expect(second.client.snapshot().chats.get(chat)?.unread).toBe(1);
    second.client.read(chat);
    await until(() => expect(first.shown(chat)).toEqual(["Soup? (read)"]));
    expect(second.client.snapshot().chats.get(chat)).toMatchObject({ unread: 0, title: "Lunch", kind: "group" });
    second.client.typing(chat, true);
    await until(() => expect(first.client.snapshot().chats.get(chat)?.typing).toHaveLength(1));
    second.client.send(chat, "Yes");
    await until(() => expect(first.client.snapshot().chats.get(chat)?.typing).toEqual([]));
  });

  test("nothing is lost and nothing comes twice while connections break", async () => {
    const { chat, first, second } = await lunch();
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`);
    for (const [index, line] of lines.entries()) {
      first.client.send(chat, line);
      if (index % 9 === 4) first.cut();
      if (index % 11 === 5) second.cut();
      if (index === 20) second.isOffline = true;
    }
    await until(() => expect(first.shown(chat).map((text) => text.replace(/ \(.*/, ""))).toEqual(lines));
    await until(() => expect(first.shown(chat).at(-1)).toMatch(/sent|delivered/));
    second.isOffline = false;
    await until(() => expect(second.shown(chat)).toEqual(lines));
  });

  test("a stream fills what was missed by REST", async () => {
    const { chat, ada, second } = await lunch();
    second.isBlocked = true;
    second.cut();
    for (const body of ["one", "two"]) await ada.rest("POST", `/chats/${chat}/messages`, { body, client_id: crypto.randomUUID() });
    await until(() => expect(second.client.snapshot().connection).toMatchObject({ state: "live", transport: "sse" }));
    await until(() => expect(second.shown(chat)).toEqual(["one", "two"]));
    await ada.rest("POST", `/chats/${chat}/messages`, { body: "three", client_id: crypto.randomUUID() });
    await until(() => expect(second.shown(chat)).toEqual(["one", "two", "three"]));
    second.client.send(chat, "four");
    await until(() => expect(second.shown(chat).at(-1)).toBe("four (sent)"));
  });

  test.runIf(hasPoll)("polls bring what was missed and what is new", async () => {
    const { chat, ada, second } = await lunch();
    second.isBlocked = second.isPolling = true;
    second.cut();
    for (const body of ["one", "two"]) await ada.rest("POST", `/chats/${chat}/messages`, { body, client_id: crypto.randomUUID() });
    await until(() => expect(second.client.snapshot().connection).toMatchObject({ state: "live", transport: "polling" }));
    await until(() => expect(second.shown(chat)).toEqual(["one", "two"]));
    await ada.rest("POST", `/chats/${chat}/messages`, { body: "three", client_id: crypto.randomUUID() });
    await until(() => expect(second.shown(chat)).toEqual(["one", "two", "three"]));
    second.client.send(chat, "four");
    await until(() => expect(second.shown(chat).at(-1)).toBe("four (sent)"));
  });

  test("a chat of which nothing was known comes with its first message", async () => {
    const [ada, ben] = [await account("user"), await account("user")];
    const seat = new Seat(ben, "user");
    await until(() => expect(seat.state).toBe("live"));
    const chat = group(ada, ben);
    await ada.rest("POST", `/chats/${chat}/messages`, { body: "Hello", client_id: crypto.randomUUID() });
    await until(() => expect(seat.shown(chat)).toEqual(["Hello"]));
  });
});

describe.runIf(canMakeAccounts)("an operator on a real server", () => {
  test("hears of sessions, answers, notes, and is back after a break", async () => {
    const operator = await account("operator");
    const seat = new Seat(operator, "staff");
    await until(() => expect(seat.state).toBe("live"));
    const page = new Page();
    open.push(() => page.visitor.destroy());
    page.visitor.send("Hello");
    await until(() => expect(page.shown).toEqual(["Hello (delivered)"]));
    const { id } = page;
    await until(() => expect(seat.shown(id)).toEqual(["Hello"]));
    await seat.client.open(id);
    seat.client.send(id, "a note", { visibility: "staff" });
    seat.client.send(id, "Good day");
    await until(() => expect(page.shown).toEqual(["Hello (delivered)", "Good day"]));
    expect(seat.client.snapshot().chats.get(id)).toMatchObject({ kind: "session", session: { status: "open" } });
    seat.isOffline = true;
    seat.cut();
    page.visitor.send("Still there?");
    await until(() => expect(page.shown.at(-1)).toBe("Still there? (sent)"));
    seat.isOffline = false;
    await until(() => expect(seat.shown(id)).toEqual(["Hello", "a note (sent)", expect.stringMatching("Good day"), "Still there?"]));
    seat.client.read(id);
    await until(() => expect(page.shown.at(-1)).toBe("Still there? (read)"));
  });

  test("lists sessions, and what changed in them since comes by the cursor", async () => {
    const operator = await account("operator");
    const page = new Page();
    open.push(() => page.visitor.destroy());
    page.visitor.send("Hello");
    await until(() => expect(page.shown).toEqual(["Hello (sent)"]));
    const seat = new Seat(operator, "staff");
    await until(() => expect(seat.state).toBe("live"));
    const { sessions } = await seat.client.loadSessions({ status: "open", limit: 5 });
    expect(sessions[0]?.session_id).toBe(page.id);
    expect(seat.shown(page.id)).toEqual(["Hello"]);
    seat.isOffline = true;
    seat.cut();
    page.visitor.send("one");
    page.visitor.send("two");
    await until(() => expect(page.shown.at(-1)).toBe("two (sent)"));
    seat.isOffline = false;
    await until(() => expect(seat.shown(page.id)).toEqual(["Hello", "one", "two"]));
  });
});

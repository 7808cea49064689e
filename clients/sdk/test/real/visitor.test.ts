// A visitor on a real server.
import { createHmac } from "node:crypto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { account, admin, canMakeAccounts, Page, serves, until, url } from "./server.ts";

let open: Page[] = [];

afterEach(() => {
  for (const page of open) page.visitor.destroy();
  open = [];
});

function page(...given: ConstructorParameters<typeof Page>): Page {
  const one = new Page(...given);
  open.push(one);
  one.visitor.start();
  return one;
}

async function talking(): Promise<Page> {
  const one = page();
  one.visitor.send("Hello");
  await until(() => expect(one.shown).toEqual(["Hello (sent)"]));
  await until(() => expect(one.state).toBe("live"));
  return one;
}

describe.runIf(url !== "")("a visitor on a real server", () => {
  test("is there, and back after a reload with what was missed", async () => {
    const one = await talking();
    await until(() => expect([...one.storage.kept.keys()].join()).toContain(":cache"));
    one.visitor.destroy();
    const back = page({}, one.storage);
    expect(back.shown).toEqual(["Hello (sent)"]);
    back.visitor.send("again");
    await until(() => expect(back.shown).toEqual(["Hello (sent)", "again (sent)"]));
  });

  test("whose session was opened and whose answer was lost gets that session", async () => {
    const opened: number[] = [];
    const one = page({
      fetch: async (input, init) => {
        const answer = await fetch(input, init);
        if (!String(input).endsWith("/chat/session") || !answer.ok) return answer;
        opened.push(((await answer.clone().json()) as { session_id: number }).session_id);
        if (opened.length === 1) throw new TypeError("the answer is lost");
        return answer;
      },
    });
    one.visitor.send("Hello");
    await until(() => expect(one.shown).toEqual(["Hello (sent)"]));
    expect(opened).toEqual([one.id, one.id]);
  });

  test("keeps order and loses nothing while the connection breaks again and again", async () => {
    const one = await talking();
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    for (const [index, line] of lines.entries()) {
      one.visitor.send(line);
      if (index % 7 === 3) one.cut();
      if (index % 10 === 5) one.isOffline = true;
      if (index % 10 === 8) one.isOffline = false;
    }
    one.isOffline = false;
    await until(() => expect(one.shown).toEqual(["Hello (sent)", ...lines.map((line) => `${line} (sent)`)]));
    const other = page({}, one.storage);
    await until(() => expect(other.shown).toEqual(one.shown));
  });

  test("is told of a message that is too long, and goes on", async () => {
    const one = await talking();
    one.visitor.send("x".repeat(10_001));
    one.visitor.send("  \u200b ");
    one.visitor.send("<script>alert(1)</script>");
    await until(() => expect(one.shown.at(1)).toBe("<script>alert(1)</script> (sent)"));
    await until(() => expect(one.shown.slice(2).map((text) => text.slice(-8))).toEqual(["(failed)", "(failed)"]));
  });

  test("falls to the stream where no WebSocket passes", async () => {
    const one = page();
    one.blocked.add("websocket");
    one.visitor.send("Hello");
    await until(() => expect(one.visitor.snapshot().connection).toMatchObject({ state: "live", transport: "sse" }));
    one.visitor.send("again");
    await until(() => expect(one.shown).toEqual(["Hello (sent)", "again (sent)"]));
  });

  test("renews a token that is not good any more", async () => {
    const one = await talking();
    one.visitor.destroy();
    const key = [...one.storage.kept.keys()].find((name) => name.endsWith(":device")) ?? "";
    const device = JSON.parse(one.storage.get(key) ?? "{}") as { sessions: { token: string }[] };
    for (const held of device.sessions) held.token = `${held.token}x`;
    one.storage.set(key, JSON.stringify(device));
    const back = page({}, one.storage);
    await until(() => expect(back.state).toBe("live"));
  });
});

describe.runIf(canMakeAccounts)("a visitor and an operator", () => {
  test("ticks, marks, the operator's name, and the state of the session", async () => {
    const operator = await account("operator");
    const one = await talking();
    const path = `/chat/session/${one.id}`;
    await operator.rest("POST", `${path}/messages`, { body: "Good day", client_id: crypto.randomUUID() });
    await until(() => expect(one.shown).toEqual(["Hello (sent)", "Good day"]));
    expect(one.visitor.snapshot().unread).toBe(1);
    await operator.rest("POST", `${path}/messages`, { body: "a note", visibility: "staff", client_id: crypto.randomUUID() });
    const { messages } = await operator.rest<{ messages: { id: number; body: string }[] }>("GET", `${path}/messages`);
    await operator.rest("POST", `${path}/marks`, { kind: "read", last_id: messages[0]?.id });
    await until(() => expect(one.shown).toEqual(["Hello (read)", "Good day"]));
    one.visitor.read();
    await until(async () => {
      const { marks } = await operator.rest<{ marks: { reader_type: string; read_seq: number; }[] }>("GET", `${path}/messages`);
      expect(marks.find((mark) => mark.reader_type === "client")?.read_seq).toBeGreaterThan(1);
    });
    await operator.rest("POST", `${path}/assign`, { user_id: operator.id });
    await until(() => expect(one.visitor.snapshot().conversations[0]?.assignee).toEqual({ id: operator.id, name: operator.name }));
    await operator.rest("POST", `${path}/status`, { status: "closed" });
    await until(() => expect(one.visitor.snapshot().conversations[0]?.status).toBe("closed"));
    one.visitor.send("One more thing");
    await until(() => expect(one.visitor.snapshot().conversations[0]?.status).toBe("open"));
  });

  test("what was written while the visitor was away comes in order", async () => {
    const operator = await account("operator");
    const one = await talking();
    one.isOffline = true;
    one.cut();
    const lines = Array.from({ length: 60 }, (_, index) => `line ${index}`);
    for (const body of lines) {
      await operator.rest("POST", `/chat/session/${one.id}/messages`, { body, client_id: crypto.randomUUID() });
    }
    one.visitor.send("written meanwhile");
    one.isOffline = false;
    await until(() => expect(one.shown).toEqual(["Hello (sent)", ...lines, "written meanwhile (sent)"]));
  });

  test("a visitor who is banned is told so, and does not come again and again", async () => {
    const operator = await account("operator");
    const one = await talking();
    await operator.rest("POST", `/chat/session/${one.id}/ban`, {});
    await until(() => expect(one.visitor.snapshot().connection).toMatchObject({ state: "closed", closed: { code: 4501 } }));
  });
});

interface Known {
  client: { name: string | null; email: string | null };
  metadata: Record<string, unknown>;
}

describe.runIf(canMakeAccounts)("who a visitor is", () => {
  test("what a page says of it reaches operators, with the first message and later", async () => {
    const operator = await account("operator");
    const one = page();
    await one.visitor.setProfile({ name: "Ana", metadata: { plan: "pro" } });
    one.visitor.send("Hello");
    await until(() => expect(one.shown).toEqual(["Hello (sent)"]));
    const known = () => operator.rest<Known>("GET", `/chat/session/${one.id}`);
    expect(await known()).toMatchObject({ client: { name: "Ana" }, metadata: { plan: "pro" } });
    await one.visitor.setProfile({ email: "ana@example.com", metadata: { cart: 3 } });
    expect(await known()).toMatchObject({ client: { name: "Ana", email: "ana@example.com" }, metadata: { plan: "pro", cart: 3 } });
  });

  test("nonsense that a page says of it, and half an emoji, keep nobody from writing", async () => {
    const one = page({ locale: "x".repeat(999), pageUrl: () => `https://shop.example/${"y".repeat(5_000)}` });
    await one.visitor.setProfile({ name: "Ana".repeat(20_000), metadata: { deep: { a: { b: { c: { d: 1 } } } } } });
    one.visitor.send("Hello");
    one.visitor.page("https://shop.example/", "😀".repeat(300));
    one.visitor.send("half \ud83d");
    await until(() => expect(one.shown).toEqual(["Hello (sent)", "half \ufffd (sent)"]));
    await until(() => expect(one.state).toBe("live"));
  });

  test("a person on two devices has one list of conversations; another person has none of them", async () => {
    const site = `sdk-${process.pid}-${Date.now() % 100_000}`;
    admin("site", "add", "--key", site, "--name", "Shop");
    const made = admin("site", "add-identity-key", "--key", site);
    const [kid = "", secret = ""] = [/^kid: (.+)$/m, /^secret: (.+)$/m].map((line) => line.exec(made)?.[1]);
    const ana = signed(kid, secret, { identifier: "u-17", name: "Ana" });
    const phone = page({ site, identity: () => Promise.resolve(ana) });
    phone.visitor.send("from the phone");
    await until(() => expect(phone.shown).toEqual(["from the phone (sent)"]));
    const desk = page({ site });
    desk.visitor.send("from the desk");
    await until(() => expect(desk.shown).toEqual(["from the desk (sent)"]));
    expect(desk.visitor.snapshot().conversations.length).toBe(1);
    await desk.visitor.identify(ana);
    await until(() => expect(desk.visitor.snapshot().conversations.map(({ lastMessage }) => lastMessage?.body)).toEqual(["from the desk", "from the phone"]));
    const operator = await account("operator");
    await operator.rest("POST", `/chat/session/${phone.id}/messages`, { body: "to the phone", client_id: crypto.randomUUID() });
    await desk.visitor.loadConversations();
    const other = () => desk.visitor.snapshot().conversations.find(({ id }) => id === phone.id);
    await until(() => expect(other()).toMatchObject({ unread: 1, lastMessage: { body: "to the phone" } }));
    desk.visitor.select(phone.id);
    await until(() => expect(desk.shown).toEqual(["from the phone (sent)", "to the phone"]));
    await desk.visitor.identify(signed(kid, secret, { identifier: "u-18", name: "Ben" }));
    expect(desk.visitor.snapshot().conversations).toEqual([]);
    desk.visitor.send("I am Ben");
    await until(() => expect(desk.shown).toEqual(["I am Ben (sent)"]));
    await desk.visitor.loadConversations();
    expect(desk.visitor.snapshot().conversations.length).toBe(1);
    // A device on which nothing was written shows what the person has, and goes on there.
    const tablet = page({ site, identity: () => Promise.resolve(ana) });
    await tablet.visitor.identify(ana);
    await until(() => expect(tablet.visitor.snapshot().conversations.map(({ lastMessage }) => lastMessage?.body)).toEqual(["from the desk", "to the phone"]));
    await until(() => expect(tablet.state).toBe("live"));
    expect(tablet.visitor.snapshot().unread).toBe(1);
    await operator.rest("POST", `/chat/session/${phone.id}/messages`, { body: "again to the phone", client_id: crypto.randomUUID() });
    await vi.waitFor(() => expect(tablet.visitor.snapshot().unread).toBe(2), { timeout: 20_000, interval: 100 });
    tablet.visitor.select(phone.id);
    await until(() => expect(tablet.shown).toEqual(["from the phone (sent)", "to the phone", "again to the phone"]));
  });
});

/** What a site's own server does: a JWT with HMAC-SHA256. */
function signed(kid: string, secret: string, claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", typ: "JWT", kid })}.${part({ ...claims, exp: Math.floor(Date.now() / 1_000) + 3_600 })}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

const hasPoll = await serves("/channel/poll", { method: "POST", body: "{}" });

describe.runIf(hasPoll)("polling", () => {
  test("carries a talk where nothing else passes", async () => {
    const one = page();
    one.blocked.add("websocket").add("/channel/sse");
    one.visitor.send("Hello");
    await until(() => expect(one.visitor.snapshot().connection).toMatchObject({ state: "live", transport: "polling" }));
    one.visitor.send("again");
    await until(() => expect(one.shown).toEqual(["Hello (sent)", "again (sent)"]));
  });

  test.runIf(canMakeAccounts)("loses nothing and repeats nothing of an operator who writes much", async () => {
    const operator = await account("operator");
    const one = await talking();
    one.blocked.add("websocket").add("/channel/sse");
    one.cut();
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`);
    for (const body of lines) {
      await operator.rest("POST", `/chat/session/${one.id}/messages`, { body, client_id: crypto.randomUUID() });
    }
    await until(() => expect(one.shown).toEqual(["Hello (sent)", ...lines]));
    expect(one.visitor.snapshot().connection).toMatchObject({ state: "live", transport: "polling" });
    one.visitor.read();
    const { messages } = await operator.rest<{ messages: { seq: number }[] }>("GET", `/chat/session/${one.id}/messages`);
    await until(async () => {
      const { marks } = await operator.rest<{ marks: { reader_type: string; read_seq: number }[] }>("GET", `/chat/session/${one.id}/messages`);
      expect(marks.find((mark) => mark.reader_type === "client")?.read_seq).toBe(messages.at(-1)?.seq);
    });
  });
});

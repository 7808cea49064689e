// A visitor on a real server.
import { afterEach, describe, expect, test } from "vitest";
import { account, canMakeAccounts, Page, serves, until, url } from "./server.ts";

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

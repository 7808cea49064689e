import { beforeEach, describe, expect, test, vi } from "vitest";
import { Outbox, type Change, type Queued, type Send } from "../src/outbox/outbox.ts";
import { ApiError } from "../src/protocol/api_error.ts";
import { message } from "./support/shapes.ts";

/** Storage that tabs share, and what each of them sent. */
let kept: Queued[] = [];
let sent: string[] = [];
let clock = 0;

beforeEach(() => {
  vi.useFakeTimers();
  kept = [];
  sent = [];
  clock = 0;
});

const shelf = { load: () => kept.map((queued) => ({ ...queued })), save: (list: readonly Queued[]) => void (kept = [...list]) };
const refusal = (code: string, details: Record<string, unknown> = {}) => new ApiError(400, { code, message: code, details });
const queued = (body: string, chat = 1): Queued => ({ key: body, chat, body, at: new Date(++clock).toISOString() });
const stores: Send = async ({ body, key }) => {
  sent.push(body);
  return message({ id: sent.length, body, client_id: key });
};

function outbox(send: Send = stores, made: (change: Change) => void = () => undefined): Outbox {
  const box = new Outbox(shelf, send, () => undefined, made);
  box.load();
  return box;
}

const states = (box: Outbox) => box.list.map(({ key, error }) => (error ? `${key}: ${error.code}` : key));

describe("the outbox", () => {
  test("sends one after the other, when it is open", async () => {
    let inFlight = 0;
    const box = outbox(async (one) => {
      expect(++inFlight).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 100));
      inFlight--;
      return stores(one);
    });
    for (const body of ["a", "b", "c"]) box.add(queued(body));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual([]);
    box.open();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual(["a", "b", "c"]);
    expect([box.list, kept]).toEqual([[], []]);
  });

  test("chats do not wait for each other", async () => {
    const box = outbox(async (one) => {
      if (one.chat === 1) throw refusal("unavailable");
      return stores(one);
    });
    box.open();
    box.add(queued("a", 1));
    box.add(queued("b", 2));
    await vi.advanceTimersByTimeAsync(10);
    expect(sent).toEqual(["b"]);
  });

  test.each(["bad_request", "unknown_type", "forbidden", "not_found", "conflict", "gone", "too_large", "invalid"])(
    "%s is for good, and what comes behind goes out",
    async (code) => {
      const box = outbox(async (one) => {
        if (one.body === "a") throw refusal(code);
        return stores(one);
      });
      box.open();
      for (const body of ["a", "b"]) box.add(queued(body));
      await vi.advanceTimersByTimeAsync(10);
      expect(states(box)).toEqual([`a: ${code}`]);
      expect(sent).toEqual(["b"]);
    },
  );

  test.each(["rate_limited", "unavailable", "internal", "token_expired", "unauthorized"])("%s passes, and the order stays", async (code) => {
    let refusals = 3;
    const box = outbox(async (one) => {
      if (refusals-- > 0) throw refusal(code, { retry_after_ms: 900 });
      return stores(one);
    });
    box.open();
    for (const body of ["a", "b"]) box.add(queued(body));
    await vi.advanceTimersByTimeAsync(800);
    expect(states(box)).toEqual(["a", "b"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toEqual(["a", "b"]);
  });

  test("keeps its list and its keys over a reload, the failed ones too", async () => {
    const box = outbox(() => Promise.reject(refusal("invalid")));
    box.open();
    box.add(queued("a"));
    await vi.advanceTimersByTimeAsync(10);
    box.close();
    box.add(queued("b"));
    const again = outbox();
    expect(states(again)).toEqual(["a: invalid", "b"]);
    again.open();
    again.retry("a");
    await vi.advanceTimersByTimeAsync(10);
    expect(sent).toEqual(["b", "a"]);
  });

  test("what another tab has put into the storage is kept, and what it took out stays out", async () => {
    const [first, second] = [outbox(), outbox()];
    first.add(queued("a"));
    second.add(queued("b"));
    first.add(queued("c"));
    expect(kept.map(({ key }) => key)).toEqual(["a", "b", "c"]);
    first.open();
    await vi.advanceTimersByTimeAsync(10);
    expect(sent).toEqual(["a", "b", "c"]);
    for (const key of ["a", "b"]) second.apply({ remove: key });
    expect(states(second)).toEqual([]);
  });

  test("is bounded", () => {
    const box = outbox();
    for (let index = 0; index < 500; index++) expect(box.add(queued(`${index}`))).toBe(true);
    expect(box.add(queued("one more"))).toBe(false);
  });

  test("what was written before there was a chat goes where it belongs", async () => {
    const changes: Change[] = [];
    const box = outbox(stores, (change) => changes.push(change));
    box.open();
    box.add(queued("a", 0));
    await vi.advanceTimersByTimeAsync(10);
    expect(sent).toEqual([]);
    box.assign(0, 42);
    await vi.advanceTimersByTimeAsync(10);
    expect(sent).toEqual(["a"]);
    expect(changes.map((change) => Object.keys(change)[0])).toEqual(["add", "assign", "remove"]);
  });
});

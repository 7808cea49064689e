import type { MessageView } from "@switchboard/sdk";
import { expect, test } from "vitest";
import { rowsOf } from "../../src/panel/rows.ts";

const message = (seq: number, minutes: number, mine: boolean, extra: Partial<MessageView> = {}): MessageView => ({
  key: `m${seq}`,
  id: seq,
  seq,
  mine,
  sender: { type: mine ? "client" : "operator", id: mine ? 9 : 3, name: null },
  body: "text",
  at: new Date(2026, 10, 20, 12, minutes).toISOString(),
  tick: mine ? "read" : null,
  error: null,
  isDeleted: false,
  editedAt: null,
  ...extra,
});
const drawn = (messages: MessageView[], unreadFrom: number | null = null): string =>
  rowsOf(messages, unreadFrom)
    .map((row) => (row.kind === "message" ? `${row.isFirst ? "(" : ""}${row.message.seq}${row.showsMeta ? "'" : ""}${row.isLast ? ")" : ""}` : row.kind))
    .join(" ");

test("messages of one sender within five minutes are one group, with one time", () => {
  expect(drawn([message(1, 0, true), message(2, 1, true), message(3, 2, false), message(4, 9, false)])).toBe("day (1 2') (3') (4')");
});

test("a new day begins with a line", () => {
  expect(drawn([message(1, 0, true), message(2, 24 * 60, true)])).toBe("day (1') day (2')");
});

test("the unread begin with a line above the first message of somebody else, and a group of their own", () => {
  expect(drawn([message(1, 0, false), message(2, 1, true), message(3, 2, false), message(4, 2, false)], 1)).toBe("day (1') (2') new (3 4')");
  expect(drawn([message(1, 0, false), message(2, 1, false)], 1)).toBe("day (1') new (2')");
  expect(drawn([message(1, 0, false), message(2, 1, true)], 1)).toBe("day (1') (2')");
  expect(drawn([message(1, 0, false)], 0)).toBe("day new (1')");
});

test("a tick is shown where the next message has another", () => {
  expect(drawn([message(1, 0, true), message(2, 0, true, { tick: "sent" }), message(3, 0, true, { tick: "sent" })])).toBe("day (1' 2 3')");
});

test("nothing makes no lines", () => {
  expect(drawn([], 3)).toBe("");
});

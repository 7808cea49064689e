// "Many chats" of docs/protocol.md, rule by rule.
import { describe, expect, test } from "vitest";
import type { ChatState, ServerFrame } from "../src/protocol/frames.ts";
import { reduceMany, type ManyAction } from "../src/store/many_chats.ts";
import { emptyState } from "../src/store/store.ts";
import { message } from "./support/shapes.ts";

const listed = (seq: number): ChatState => ({ chat_id: 7, kind: "group", title: "Lunch", seq, state_seq: 1, marks: [] });

function client() {
  const state = emptyState();
  const act = (action: ManyAction) => reduceMany(state, action);
  const hear = (frame: ServerFrame, named: number[] = []) => act({ type: "frame", frame, at: 0, named });
  const data = { connection_id: "c", role: "user" as const, self_id: 5, ping_interval: 30 };
  return {
    connected: (chats: ChatState[] = [], named: number[] = [], epoch = 1) =>
      hear({ type: "connected", data: { ...data, epoch, chats } }, named),
    says: (seq: number) => hear({ type: "chat.message", chat_id: 7, seq, data: message({ id: seq, chat_id: 7, seq }) }),
    page: (seq: number) => act({ type: "listed", chat: listed(seq) }),
    hear,
    act,
    get chat() {
      return state.chats.get(7);
    },
  };
}

describe("a chat of which nothing was known", () => {
  test("that is listed stands where the list says, until the first frame, even a lower one", () => {
    const one = client();
    one.connected([listed(120)]);
    expect(one.chat?.cursor).toBe(120);
    one.says(118);
    expect(one.chat?.cursor).toBe(118);
    one.says(121);
    expect(one.chat?.cursor).toBe(121);
  });

  test("whose frames come before the list has no cursor until the list, then that of the frames", () => {
    const one = client();
    one.connected();
    one.says(121);
    expect(one.chat?.cursor).toBeNull();
    one.page(125);
    expect(one.chat?.cursor).toBe(121);
  });
});

describe("a chat with a cursor from before", () => {
  const back = (named: number[]) => {
    const one = client();
    one.connected([listed(100)]);
    one.says(101);
    one.connected([], named);
    return one;
  };

  test("that was named in resume is moved by what was missed and by what is new", () => {
    const one = back([7]);
    one.says(102);
    expect(one.chat?.cursor).toBe(102);
  });

  test("that was not named keeps its cursor until something tells what came before", () => {
    const one = back([]);
    one.says(105);
    expect(one.chat?.cursor).toBe(101);
    one.page(105);
    expect(one.chat).toMatchObject({ cursor: 101, follows: false });
    one.hear({ type: "subscribed", chat_id: 7, seq: 105, data: listed(105) });
    expect(one.chat).toMatchObject({ cursor: 105, follows: true });
  });

  test("that is level with the list follows at once", () => {
    const one = back([]);
    one.page(101);
    one.says(102);
    expect(one.chat?.cursor).toBe(102);
  });

  test("is filled by what changed after the cursor, by REST", () => {
    const one = back([]);
    const page = { messages: [message({ id: 103, chat_id: 7 })], marks: [], has_more: true, seq: 103 };
    const generation = one.chat?.generation ?? 0;
    one.act({ type: "changes", chat: 7, generation, page });
    expect(one.chat).toMatchObject({ cursor: 103, follows: false });
    one.act({ type: "changes", chat: 7, generation, page: { ...page, has_more: false, seq: 105 } });
    expect(one.chat).toMatchObject({ cursor: 105, follows: true });
    one.act({ type: "changes", chat: 7, generation: generation - 1, page: { ...page, seq: 900 } });
    expect(one.chat?.cursor).toBe(105);
  });

  test("of another epoch is forgotten", () => {
    const one = back([7]);
    one.connected([], [7], 2);
    expect(one.chat).toMatchObject({ cursor: null, isRead: false });
    expect(one.chat?.messages.size).toBe(0);
  });
});

test("members, bans and the end of a membership", () => {
  const one = client();
  one.connected([listed(1)]);
  const rights = { is_admin: false, can_read: true, can_write: true, can_pin: false, can_invite: false, can_delete_others: false };
  const data = { user_id: 6, name: "Marta", is_active: true, joined_at: "", ...rights };
  one.hear({ type: "chat.member.added", chat_id: 7, seq: 2, data });
  expect(one.chat?.members.get(6)?.is_active).toBe(true);
  one.hear({ type: "chat.member.removed", chat_id: 7, seq: 3, data: { ...data, is_active: false } });
  expect(one.chat?.members.get(6)?.is_active).toBe(false);
  one.hear({ type: "chat.session.desk", session_id: 7, seq: 5, data: { session_id: 7, is_banned: true, desk_seq: 5 } });
  one.hear({ type: "chat.session.desk", session_id: 7, seq: 4, data: { session_id: 7, is_banned: false, desk_seq: 4 } });
  expect(one.chat?.isBanned).toBe(true);
  one.hear({ type: "unsubscribed", chat_id: 7 });
  one.says(9);
  expect(one.chat?.cursor).toBe(5);
});

/** Brings what was kept from an earlier page load to where the server is: what changed is read anew, what is gone is forgotten. */
import { asApiError, type KeptChat, type ListedSession, type MemberClient } from "@switchboard/sdk";

interface Changes {
  epoch: number;
  chats: { chat_id: number; seq: number }[];
  gone: number[];
  ahead: number[];
}

const CURSORS = 1_000;
const AT_ONCE = 4;
const AGAIN_MS = 3_000;

/** False where the database is another one than what was kept is from. Waits as long as nothing answers. */
export async function level(client: MemberClient, kept: readonly KeptChat[], epoch: number, isOver: () => boolean): Promise<boolean> {
  for (let from = 0; from < kept.length; from += CURSORS) {
    const part = kept.slice(from, from + CURSORS);
    const cursors = Object.fromEntries(part.map(({ session }) => [session.session_id, session.seq]));
    const changes = await patient(() => client.call<Changes>("/chats/changes", { method: "POST", body: { cursors } }), isOver);
    if (!changes) return true;
    if (changes.epoch !== epoch) return false;
    client.forget([...changes.gone, ...changes.ahead]);
    const told = new Set(changes.chats.map(({ chat_id: id }) => id));
    // A list may have brought it meanwhile.
    const behind = part.filter(({ session: { session_id: id, seq } }) => told.has(id) && (client.chat(id)?.facts?.seq ?? 0) <= seq);
    // A list brings a closed one that was opened again; nothing else needs the others.
    client.forget(behind.filter(({ session }) => session.status === "closed").map(({ session }) => session.session_id));
    const changed = behind.filter(({ session }) => session.status !== "closed").map(({ session }) => session.session_id);
    await readAll(client, changed, isOver);
  }
  return true;
}

async function readAll(client: MemberClient, ids: readonly number[], isOver: () => boolean): Promise<void> {
  const left = [...ids];
  const worker = async () => {
    for (let id = left.shift(); id !== undefined && !isOver(); id = left.shift()) {
      const wanted = id;
      const session = await patient(() => client.call<ListedSession>(`/chat/session/${wanted}`), isOver);
      if (session) client.take([session]);
      else client.forget([wanted]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Null where the answer is a refusal that stays. */
async function patient<T>(ask: () => Promise<T>, isOver: () => boolean): Promise<T | null> {
  while (!isOver()) {
    try {
      return await ask();
    } catch (cause) {
      const { status, retryAfterMs } = asApiError(cause);
      if (status >= 400 && status < 500 && status !== 429) return null;
      await new Promise((resolve) => setTimeout(resolve, Math.max(AGAIN_MS, retryAfterMs)));
    }
  }
  return null;
}

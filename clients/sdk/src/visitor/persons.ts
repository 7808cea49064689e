// What concerns persons rather than this browser: loaded when a page says who somebody is, or asks for earlier talks.
import { ApiError, asApiError } from "../protocol/api_error.ts";
import type { OwnSession, OwnSessions } from "../protocol/schemas.ts";
import { query } from "../rest/http.ts";
import type { Sessions } from "./sessions.ts";

const PAGE = 50;
const MOST = 500;

/** The sessions that the secret of one of them opens the list of; of a person that is new to this browser, those of its identity. */
export async function listSessions(own: Sessions): Promise<OwnSession[]> {
  const from = own.device.sessions.find(({ secret }) => secret !== undefined);
  const read = from ? (cursor: number | null) => own.own<OwnSessions>(from, query("/sessions", { limit: PAGE, cursor })) : await byIdentity(own);
  const sessions: OwnSession[] = [];
  if (!read) return sessions;
  for (let cursor: number | null = null; ; ) {
    const page = await read(cursor);
    sessions.push(...page.sessions);
    cursor = page.next_cursor ?? null;
    if (cursor === null || sessions.length >= MOST) return sessions;
  }
}

type ReadPage = (cursor: number | null) => Promise<OwnSessions>;

/** Null where there is nothing to list: nobody has signed in, and this browser has no session. */
async function byIdentity(own: Sessions): Promise<ReadPage | null> {
  const { owner, newest } = own;
  const identity = await owner.identity();
  if (identity === null) {
    if (newest === null) return null;
    throw new ApiError(401, { code: "unauthorized", message: "nobody has signed in" });
  }
  own.tell({ person: personOf(identity) });
  const path = `/chat/sites/${encodeURIComponent(owner.site)}/sessions`;
  return (cursor) => own.http<OwnSessions>(path, { method: "POST", body: { identity, limit: PAGE, ...(cursor === null ? {} : { cursor }) } });
}

/** What a signed identity means for what this browser has: it is this person's now, or another's and to be forgotten. */
export async function identified(sessions: Sessions, identity: string): Promise<"same" | "proved" | "other"> {
  sessions.reload();
  const before = sessions.device.person;
  const person = personOf(identity);
  if (before !== null && before !== person) return "other";
  const id = sessions.newest;
  if (id === null || before === person) return "same";
  try {
    await sessions.call(id, "/identify", { method: "POST", body: { identity } });
  } catch (cause) {
    if (asApiError(cause).status === 409) return "other";
    throw cause;
  }
  sessions.tell({ person });
  return "proved";
}

/** The identifier that a signed identity is for. It is looked at, not trusted: the server checks the signature. */
export function personOf(identity: string): string | null {
  try {
    const payload = (identity.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    const { identifier } = JSON.parse(new TextDecoder().decode(bytes)) as { identifier?: unknown };
    return typeof identifier === "string" || typeof identifier === "number" ? String(identifier) : null;
  } catch {
    return null;
  }
}

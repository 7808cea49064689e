// Opens a session: loaded with the first message of a visitor.
import { asApiError } from "../protocol/api_error.ts";
import type { OpenedSession } from "../protocol/schemas.ts";
import type { Visitor, VisitorOptions } from "./api.ts";
import { personOf } from "./persons.ts";
import type { Sessions } from "./sessions.ts";

type Profile = Parameters<Visitor["setProfile"]>[0];
/** What a new session is opened with. */
type Opening = Record<string, unknown>;

const MAX_URL = 2_048;

export async function openSession(
  sessions: Sessions,
  options: VisitorOptions,
  profile: Profile,
  identity: string | null,
): Promise<number> {
  const ask = async () => (await options.identity?.()) ?? null;
  let opening = openingOf(options, profile, identity ?? (await ask()));
  const id = await open(sessions, opening).catch(async (cause: unknown) => {
    const { status, code, details } = asApiError(cause);
    if (status === 409 && details.field === "identity") sessions.forget(); // The browser was another person's.
    else if (code === "token_expired" && options.identity) opening = openingOf(options, profile, await ask());
    else throw cause;
    return open(sessions, opening);
  });
  if (typeof opening.identity === "string") sessions.tell({ person: personOf(opening.identity) });
  if (profile.metadata) sessions.tell({ metadata: profile.metadata });
  return id;
}

function openingOf({ site, locale, pageUrl }: VisitorOptions, profile: Profile, identity: string | null): Opening {
  const url = pageUrl ? pageUrl() : typeof location === "undefined" ? undefined : location.href;
  const { name, email, metadata } = profile;
  const all = { site, locale, name, email, metadata, page_url: url?.slice(0, MAX_URL), identity };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== null && value !== ""));
}

async function open(sessions: Sessions, opening: Opening): Promise<number> {
  const from = sessions.device.sessions.find(({ secret }) => secret !== undefined);
  const device = from ? { device: { session_id: from.id, visitor_secret: from.secret } } : {};
  const opened = await sessions.http<OpenedSession>("/chat/session", { method: "POST", body: { ...opening, ...device } });
  const { session_id: id, token, visitor_secret: secret } = opened;
  // Both times are the server's: the life of a token needs no clock of ours.
  const lifetimeMs = Date.parse(opened.expires_at) - Date.parse(opened.created_at);
  const now = Date.now();
  sessions.hold([{ id, secret, token, receivedAt: now, lifetimeMs, openedAt: now }]);
  return id;
}

// Opens a session: loaded with the first message of a visitor.
import { uuid } from "../connection/requests.ts";
import { asApiError } from "../protocol/api_error.ts";
import type { OpenedSession } from "../protocol/schemas.ts";
import { webAddress } from "../protocol/texts.ts";
import type { Visitor, VisitorOptions } from "./api.ts";
import { personOf } from "./persons.ts";
import type { Sessions } from "./sessions.ts";

type Profile = Parameters<Visitor["setProfile"]>[0];
/** What a new session is opened with. */
type Opening = Record<string, unknown>;

const MAX_URL = 2_000;

export async function openSession(
  sessions: Sessions,
  options: VisitorOptions,
  profile: Profile,
  identity: string | null,
): Promise<number> {
  const ask = async () => (await options.identity?.()) ?? null;
  identity ??= await ask();
  let opening = openingOf(options, profile, identity);
  const id = await open(sessions, opening).catch(async (cause: unknown) => {
    const { status, code, details } = asApiError(cause);
    if (status === 409 && details.field === "identity") sessions.forget(); // The browser was another person's.
    else if (code === "token_expired" && options.identity) opening = openingOf(options, profile, await ask());
    // What a page says of its visitor may be too long, or nonsense: nobody is kept from writing for that.
    else if (status === 400 || status === 422) opening = openingOf({ ...options, locale: "", pageUrl: () => "" }, {}, identity);
    else throw cause;
    return open(sessions, opening);
  });
  if (typeof opening.identity === "string") sessions.tell({ person: personOf(opening.identity) });
  if (profile.metadata) sessions.tell({ metadata: profile.metadata });
  return id;
}

function openingOf({ site, locale, pageUrl }: VisitorOptions, profile: Profile, identity: string | null): Opening {
  const url = webAddress(pageUrl ? pageUrl() : typeof location === "undefined" ? undefined : location.href, MAX_URL);
  const { name, email, metadata } = profile;
  const all = { site, locale, name, email, metadata, page_url: url, identity };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== null && value !== ""));
}

async function open(sessions: Sessions, opening: Opening): Promise<number> {
  const from = sessions.device.sessions.find(({ secret }) => secret !== undefined);
  const device = from ? { device: { session_id: from.id, visitor_secret: from.secret } } : {};
  const body = { ...opening, client_id: clientId(sessions, opening.identity), ...device };
  const opened = await sessions.http<OpenedSession>("/chat/session", { method: "POST", body });
  const { session_id: id, token, visitor_secret: secret } = opened;
  // Both times are the server's: the life of a token needs no clock of ours.
  const lifetimeMs = Date.parse(opened.expires_at) - Date.parse(opened.created_at);
  const now = Date.now();
  sessions.hold([{ id, secret, token, receivedAt: now, lifetimeMs, openedAt: now }]);
  sessions.keep.saveOpening(null);
  return id;
}

/** That of the try before, in whatever tab it was, unless it was for another person. */
function clientId({ keep }: Sessions, identity: unknown): string {
  const person = typeof identity === "string" ? personOf(identity) : null;
  const before = keep.opening();
  if (before?.client_id && before.person === person) return before.client_id;
  const made = { client_id: uuid(), person };
  keep.saveOpening(made);
  return made.client_id;
}

// Opens a session: loaded with the first message of a visitor.
import { uuid } from "../connection/requests.ts";
import { type ApiError, asApiError, unanswered } from "../protocol/api_error.ts";
import type { OpenedSession } from "../protocol/schemas.ts";
import { webAddress } from "../protocol/texts.ts";
import type { Visitor, VisitorOptions } from "./api.ts";
import { personOf } from "./persons.ts";
import type { Sessions } from "./sessions.ts";

type Profile = Parameters<Visitor["setProfile"]>[0];
/** What a new session is opened with. */
type Body = Record<string, unknown>;

const MAX_URL = 2_000;
/** What is left out where a refusal names no field. */
const OPTIONAL = ["locale", "name", "email", "metadata", "page_url"];

/** `typed` names the fields of the profile that the visitor has typed. A field that is refused is taken out of the profile. */
export async function openSession(
  sessions: Sessions,
  options: VisitorOptions,
  profile: Profile,
  identity: string | null,
  typed: ReadonlySet<string>,
): Promise<number> {
  const ask = async () => (await options.identity?.()) ?? null;
  const leftOut = new Set<string>();
  const mended = new Set<unknown>();
  identity ??= await ask();
  for (;;) {
    const body = bodyOf(sessions, options, profile, identity, leftOut);
    try {
      const id = await open(sessions, body);
      if (typeof body.identity === "string") sessions.tell({ person: personOf(body.identity) });
      if (profile.metadata) sessions.tell({ metadata: profile.metadata });
      return id;
    } catch (cause) {
      const error = asApiError(cause);
      const { status, code, details } = error;
      if (status === 400 || status === 413 || status === 422) {
        const fields = refusedFields(error, body);
        for (const field of fields) delete (profile as Body)[field];
        if (fields.length === 0 || typed.has(String(details.field))) throw error;
        for (const field of fields) leftOut.add(field);
        console.warn(`Switchboard: ${fields.join(", ")} was refused and is left out. ${code}: ${error.message}`);
        continue;
      }
      const { session_id: from } = (body.device ?? {}) as { session_id?: number };
      // The secret of the device may be refused: then the device has one session less, and the next try comes without it.
      if (code === "unauthorized" && from) await sessions.credentials(from, true);
      const why = details.field ?? code;
      if (mended.has(why)) throw error;
      mended.add(why);
      if (status === 409 && why === "identity") sessions.forget(); // The browser was another person's.
      else if (status === 409 && why === "client_id") sessions.keep.saveOpening(null); // Another session was opened with it.
      else if (code === "token_expired" && options.identity) identity = await ask();
      else throw error;
    }
  }
}

/** The fields of the body without which the next try may succeed: what a page says of its visitor keeps nobody from writing. */
function refusedFields({ details }: ApiError, body: Body): string[] {
  const [named] = String(details.field ?? "").split(".");
  const fields = named ? [named] : OPTIONAL;
  return fields.filter((field) => field in body && field !== "site");
}

function bodyOf(
  sessions: Sessions,
  { site, locale, pageUrl }: VisitorOptions,
  { name, email, metadata }: Profile,
  identity: string | null,
  leftOut: ReadonlySet<string>,
): Body {
  const url = webAddress(pageUrl ? pageUrl() : typeof location === "undefined" ? undefined : location.href, MAX_URL);
  const from = sessions.device.sessions.find(({ secret }) => secret !== undefined);
  const device = from && { session_id: from.id, visitor_secret: from.secret };
  const client_id = clientId(sessions, identity);
  const all = { site, locale, name, email, metadata, page_url: url, identity, client_id, device };
  const isGiven = ([field, value]: [string, unknown]) => value !== undefined && value !== null && value !== "" && !leftOut.has(field);
  return Object.fromEntries(Object.entries(all).filter(isGiven));
}

/** That of the try before, in whatever tab it was, unless it was for another person. */
function clientId({ keep }: Sessions, identity: string | null): string {
  const person = identity === null ? null : personOf(identity);
  const before = keep.opening();
  if (before?.client_id && before.person === person) return before.client_id;
  const made = { client_id: uuid(), person };
  keep.saveOpening(made);
  return made.client_id;
}

async function open(sessions: Sessions, body: Body): Promise<number> {
  const opened = await sessions.http<OpenedSession>("/chat/session", { method: "POST", body });
  const { session_id: id, token, visitor_secret: secret } = opened;
  // A proxy may answer for the server.
  if (!Number.isSafeInteger(id) || typeof token !== "string" || typeof secret !== "string") throw unanswered();
  // Both times are the server's: the life of a token needs no clock of ours.
  const lifetimeMs = Date.parse(opened.expires_at) - Date.parse(opened.created_at);
  const now = Date.now();
  sessions.hold([{ id, secret, token, receivedAt: now, lifetimeMs, openedAt: now }]);
  sessions.keep.saveOpening(null);
  return id;
}

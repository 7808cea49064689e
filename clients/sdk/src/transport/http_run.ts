// What the two ways over HTTP have in common.
import { jsonOf, refusal } from "../rest/http.ts";
import { broken, type End, type Transport, type TransportEvents, type TransportName } from "./transport.ts";

/** Runs until it throws or is closed, and tells its end once. */
export function overHttp(
  name: TransportName,
  events: TransportEvents,
  run: (signal: AbortSignal) => Promise<End>,
): Transport {
  const abort = new AbortController();
  run(abort.signal)
    .catch(() => broken())
    .then((end) => {
      if (!abort.signal.aborted) events.ended(end);
    });
  return { name, send: () => false, close: () => abort.abort() };
}

/** The end that an HTTP refusal means. A page of a proxy is a broken network, whatever its status. */
export async function refused(answer: Response): Promise<End> {
  const { code, message, status } = refusal(answer, await jsonOf(answer));
  return code === "unavailable" ? broken(`HTTP ${status}`) : { ...broken(message), status };
}

/** A close as it is told over HTTP. */
export interface Close {
  code: number;
  reason?: string;
  retry_after_ms?: number | null;
}

export const farewell = ({ code, reason = "", retry_after_ms: ms }: Close): End => ({ code, reason, retryAfterMs: ms ?? 0 });

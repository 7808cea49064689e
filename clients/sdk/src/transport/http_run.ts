// What the two ways over HTTP have in common.
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
  const json = (await answer.json().catch(() => null)) as { error?: { code?: string; message?: string } } | null;
  if (typeof json?.error?.code !== "string") return broken(`HTTP ${answer.status}`);
  return { code: 0, reason: String(json.error.message), retryAfterMs: 0, status: answer.status };
}

// Long polling: the way that passes through every proxy. The body is sent as text/plain, so that a browser asks no
// permission (preflight) before each poll.
import { decoded } from "../protocol/frames.ts";
import { address, query } from "../rest/http.ts";
import { farewell, overHttp, refused, type Close } from "./http_run.ts";
import { broken, type OpenTransport } from "./transport.ts";

/** What a gateway answers. The document of the REST API does not describe it; docs/protocol.md does. */
interface Poll {
  frames: unknown[];
  close: Close | null;
}

const WAIT_S = 25;
const ANSWER_MS = 10_000;

export const openPolling: OpenTransport = (target, events, { fetch }) =>
  overHttp("polling", events, async (signal) => {
    const url = address(target.base, query("/channel/poll", target.query));
    // The first answer comes at once, whether or not something was missed.
    for (let wait = 0; ; wait = WAIT_S) {
      const answer = await limited(signal, wait * 1000 + ANSWER_MS, (both) =>
        fetch(url, {
          method: "POST",
          headers: { "content-type": "text/plain" },
          body: JSON.stringify({ ...target.poll(), wait }),
          signal: both,
          cache: "no-store",
          credentials: "omit",
        }),
      );
      if (!answer.ok) return await refused(answer);
      const { frames, close } = (await answer.json()) as Poll;
      if (signal.aborted) return broken();
      events.heard();
      for (const value of frames) {
        const frame = decoded(value);
        if (frame) events.frame(frame);
        if (signal.aborted) return broken();
      }
      if (close) return farewell(close);
      if (wait === 0) events.settled();
    }
  });

/** Ends what runs at the outer signal, or after a time. */
async function limited<T>(outer: AbortSignal, ms: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const inner = new AbortController();
  const end = () => inner.abort();
  const timer = setTimeout(end, ms);
  outer.addEventListener("abort", end);
  try {
    return await run(inner.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", end);
  }
}

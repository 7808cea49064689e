// Server-sent events, read by fetch: an EventSource shows neither the comments, which are the stream's sign of life, nor
// the status of a refusal, and would reconnect by itself with yesterday's token.
import { decode } from "../protocol/frames.ts";
import { address, query } from "../rest/http.ts";
import { farewell, overHttp, refused, type Close } from "./http_run.ts";
import { broken, type End, type OpenTransport, type TransportEvents } from "./transport.ts";

export const openEventStream: OpenTransport = (target, events, { fetch }) =>
  overHttp("sse", events, async (signal) => {
    const url = address(target.base, query("/channel/sse", { ...target.query, ...target.resume }));
    const headers = { accept: "text/event-stream" };
    const answer = await fetch(url, { headers, signal, cache: "no-store", credentials: "omit" });
    if (!answer.ok) return await refused(answer);
    if (!answer.body || !answer.headers.get("content-type")?.startsWith("text/event-stream")) return broken("no stream");
    return await read(answer.body.getReader(), events, signal);
  });

async function read(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  events: TransportEvents,
  signal: AbortSignal,
): Promise<End> {
  const decoder = new TextDecoder();
  const take = eventReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) return broken();
    events.heard();
    for (const { name, data } of take(decoder.decode(value, { stream: true }))) {
      if (signal.aborted) return broken();
      if (name === "close") return farewell(JSON.parse(data) as Close);
      const frame = decode(data);
      if (frame) events.frame(frame);
    }
  }
}

/** Takes pieces of a stream, gives the events that are whole. */
export function eventReader(): (piece: string) => { name: string; data: string }[] {
  let rest = "";
  let name = "";
  let data: string[] = [];
  return (piece) => {
    const whole: { name: string; data: string }[] = [];
    // A CR at the end of a piece may be half of a line's end.
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [field, value] = split(line);
      if (line === "") {
        if (data.length > 0) whole.push({ name, data: data.join("\n") });
        name = "";
        data = [];
      } else if (field === "data") data.push(value);
      else if (field === "event") name = value;
    }
    return whole;
  };
}

function split(line: string): [string, string] {
  const colon = line.indexOf(":");
  if (colon < 0) return [line, ""];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
}

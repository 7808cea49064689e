// The two ways over HTTP. They are loaded when they are needed: where a WebSocket passes, a page does without them.
import { openEventStream } from "./event_stream.ts";
import { openPolling } from "./polling.ts";

export const OVER_HTTP = { sse: openEventStream, polling: openPolling };

// What carries frames. Each way to connect is a function that opens one and tells what happens by `TransportEvents`.
import type { ClientFrame, ServerFrame } from "../protocol/frames.ts";

export type TransportName = "websocket" | "sse" | "polling";

/** From the best to the one that passes everywhere. */
export const TRANSPORTS: readonly TransportName[] = ["websocket", "sse", "polling"];

export interface End {
  /** A close code of the protocol, or 0 for a network that broke. */
  code: number;
  reason: string;
  retryAfterMs: number;
  /** The status of an HTTP refusal in the protocol's error shape. */
  status?: number;
}

export interface TransportEvents {
  frame(frame: ServerFrame): void;
  /** A sign of life that is no frame. */
  heard(): void;
  /** What was missed is out: known to polling alone. */
  settled(): void;
  /** At most once, and not after `close()`. */
  ended(end: End): void;
}

export interface Transport {
  readonly name: TransportName;
  /** False where the frame cannot be written: writing is done by REST then. */
  send(frame: ClientFrame): boolean;
  close(): void;
}

/** Where to connect, and as what. */
export interface Target {
  base: string;
  /** The credentials of all three ways. */
  query: Record<string, string>;
  /** What a socket or a stream adds: the cursor. */
  resume: Record<string, string>;
  /** The body of a poll: cursors as they are at that time. */
  poll(): Record<string, unknown>;
}

export interface Means {
  fetch: typeof fetch;
  WebSocket: typeof WebSocket | undefined;
}

export type OpenTransport = (target: Target, events: TransportEvents, means: Means) => Transport;

export const broken = (reason = "network"): End => ({ code: 0, reason, retryAfterMs: 0 });

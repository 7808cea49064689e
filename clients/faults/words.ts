/** What this program and `make faults` say to each other: a line of JSON each. The harness reads the same in `tests/faults/src/browsers/words.rs`. */

/** The harness, one word a line: write no more; what is shown? The end of its words is the end. */
export type Order = "settle" | "report";

export type Told =
  /** All tabs are up, and each visitor has written into its conversation. */
  | { type: "up"; visitors: { name: string; session: number }[] }
  | { type: "report"; visitors: VisitorReport[] }
  | { type: "failed"; why: string };

export interface VisitorReport {
  name: string;
  /** All that its browser keeps: one, if all is well. */
  sessions: number[];
  /** In the order of writing. */
  written: Written[];
  /** How often a message was told as failed, and sent again by hand. */
  retried: number;
  /** Of all tabs together. */
  reloads: number;
  tabs: TabReport[];
}

export interface Written {
  tab: number;
  text: string;
}

export interface TabReport {
  tab: number;
  /** Messages that wait in the outbox. */
  queued: number;
  /** Whether the history is shown from its beginning. */
  isWhole: boolean;
  /** What the panel says of a connection that is away; empty if nothing. */
  banner: string;
  /** From the first to the last, as they stand on the screen. */
  shown: ShownMessage[];
}

export interface ShownMessage {
  /** The `client_id` of the visitor's own, `m` and the id of others'. */
  key: string;
  mine: boolean;
  text: string;
}

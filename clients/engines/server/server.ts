/** A running Switchboard, of whichever shape. */
export interface Server {
  /** Where browsers find it. */
  url: string;
  /** What a row of the table calls it. */
  shape: string;
  /** What can be killed while visitors talk, one after the other. */
  parts: string[];
  /** SIGKILL: no goodbye. */
  kill(part: string): Promise<void>;
  /** Starts a killed part, and waits until it serves. */
  start(part: string): Promise<void>;
  /** A command of the administrator; what it printed. */
  admin(...args: string[]): string;
  /** Open connections of visitors and staff. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** The sum of a gauge over its labels, as `/metrics` of that address has it. */
export async function gauge(address: string, name: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

// Messages that were written on the socket and wait for their `ack` or `error`.
import { ApiError, unanswered } from "../protocol/api_error.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import type { Message } from "../protocol/schemas.ts";

interface Waiting {
  resolve(message: Message): void;
  reject(error: ApiError): void;
  deadline: ReturnType<typeof setTimeout>;
}

const ANSWER_MS = 10_000;

export class Requests {
  #waiting = new Map<string, Waiting>();

  /** Settles with the answer to the message of this `client_id`. */
  ask(clientId: string): Promise<Message> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => this.#take(clientId)?.reject(unanswered()), ANSWER_MS);
      this.#waiting.set(clientId, { resolve, reject, deadline });
    });
  }

  /** Takes answers out of the stream. */
  frame(frame: ServerFrame): void {
    if (frame.type === "ack") this.#take(frame.client_id)?.resolve(frame.data);
    if (frame.type === "error" && frame.client_id !== undefined) {
      this.#take(frame.client_id)?.reject(new ApiError(400, frame.error));
    }
  }

  /** The connection is gone, and the answers with it. */
  drop(): void {
    for (const clientId of this.#waiting.keys()) this.#take(clientId)?.reject(unanswered());
  }

  #take(clientId: string): Waiting | undefined {
    const waiting = this.#waiting.get(clientId);
    clearTimeout(waiting?.deadline);
    this.#waiting.delete(clientId);
    return waiting;
  }
}

/** A version 4 UUID. `crypto.randomUUID` is missing on pages that came over plain HTTP. */
export const uuid = (): string =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) => {
    const [random = 0] = crypto.getRandomValues(new Uint8Array(1));
    return (Number(digit) ^ (random & (15 >> (Number(digit) / 4)))).toString(16);
  });

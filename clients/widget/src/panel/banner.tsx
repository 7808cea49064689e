import type { ConnectionStatus } from "@switchboard/sdk";
import { Component } from "preact";
import type { PlainKey } from "./i18n.ts";
import type { Model } from "./model.ts";

const PATIENCE_MS = 3_000;

/** What a visitor can do about a connection that is closed for good. All other codes are mistakes of the software. */
const CLOSED: Record<number, PlainKey> = { 403: "revoked", 4501: "revoked", 4502: "elsewhere" };

interface Props {
  model: Model;
  connection: ConnectionStatus;
}

/** Says that there is no connection, but only when it lasts. */
export class Banner extends Component<Props> {
  #timer = 0;

  override render({ model, connection }: Props) {
    clearTimeout(this.#timer);
    const { words } = model;
    if (connection.closed) return <p class="banner" role="status">{words.say(CLOSED[connection.closed.code] ?? "stopped")}</p>;
    const { downSince, state } = connection;
    if (downSince === null || state === "idle") return <p class="unseen" role="status" />;
    const rest = downSince + PATIENCE_MS - Date.now();
    if (rest > 0) {
      this.#timer = window.setTimeout(() => this.forceUpdate(), rest);
      return <p class="unseen" role="status" />;
    }
    const queued = model.snapshot.conversations.flatMap(({ messages }) => messages).filter(({ tick }) => tick === "queued").length;
    return (
      <p class="banner" role="status">
        {words.say("offline")} {queued > 0 && words.count("waiting", queued)}
      </p>
    );
  }

  override componentWillUnmount(): void {
    clearTimeout(this.#timer);
  }
}

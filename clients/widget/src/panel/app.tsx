import type { VisitorSnapshot } from "@switchboard/sdk";
import { Component } from "preact";
import { Banner } from "./banner.tsx";
import { Composer } from "./composer.tsx";
import { Head } from "./head.tsx";
import { Log } from "./log.tsx";
import type { Model } from "./model.ts";

interface Props {
  model: Model;
  snapshot: VisitorSnapshot;
}

export class App extends Component<Props> {
  override render({ model, snapshot }: Props) {
    const problem = (model.refused ? null : snapshot.problem?.code) ?? (model.lacksIdentity ? "identity_required" : null);
    return (
      <>
        <Head model={model} />
        {problem && <p class="problem" role="alert">{problemText(model, problem)}</p>}
        {model.view === "list" ? (
          model.extras && <model.extras.ConversationList model={model} />
        ) : (
          <>
            <Banner model={model} connection={snapshot.connection} />
            <Log key={model.choices} model={model} conversation={model.current} />
            <Composer model={model} conversation={model.current} />
          </>
        )}
        <p class="unseen" role="status">{model.announcement}</p>
        {model.Preview && <model.Preview model={model} />}
      </>
    );
  }
}

function problemText(model: Model, code: string): string {
  if (code === "forbidden" || code === "not_found") return model.words.say("blocked");
  return model.words.say(code.includes("identity") || code === "unauthorized" ? "signIn" : "trouble");
}

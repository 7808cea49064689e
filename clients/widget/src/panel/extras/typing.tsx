import type { ConversationView } from "@switchboard/sdk";
import type { Model } from "../model.ts";

interface Props {
  model: Model;
  conversation: ConversationView | null;
}

/** Who is writing. */
export const Typing = ({ model, conversation }: Props) => {
  const [first] = conversation?.typing ?? [];
  const text = first ? model.words.say("typing", { name: first.name ?? model.words.say("team") }) : "";
  return (
    <div class={first ? "typing" : "unseen"} role="status">
      {first && <span class="dots" aria-hidden="true"><i /><i /><i /></span>}
      <span dir="auto">{text}</span>
    </div>
  );
};

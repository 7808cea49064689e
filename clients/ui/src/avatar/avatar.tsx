import { faceHues } from "../tokens/faces.ts";
import { useWords } from "../words/words.ts";
import { hueOf } from "./hue.ts";
import { initials } from "./initials.ts";
import "./avatar.css";

export type Presence = "online" | "away" | "offline";

interface Props {
  name: string;
  /** Decides on the colour. */
  id: string;
  picture?: string | null;
  presence?: Presence | undefined;
  /** In px. */
  size?: number;
}

/** Stands beside the name; only its presence is told to readers of the screen. */
export function Avatar({ name, id, picture, presence, size = 28 }: Props) {
  const words = useWords();
  const hue = faceHues[hueOf(id, faceHues.length)];
  return (
    <span class="ui-avatar" style={{ "--size": `${size}px`, "--hue": `${hue}` }}>
      {picture ? <img src={picture} alt="" width={size} height={size} loading="lazy" /> : <span class="ui-face" aria-hidden="true">{initials(name)}</span>}
      {presence && (
        <span class={`ui-dot ui-${presence}`}>
          <span class="ui-unseen">{words.presence[presence]}</span>
        </span>
      )}
    </span>
  );
}

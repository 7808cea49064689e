import type { Words } from "../i18n.ts";
import { Icon } from "../icons.tsx";

interface Props {
  words: Words;
  /** How many messages came below what is in sight. */
  missed: number;
  toEnd(): void;
}

/** The way back to the newest message. */
export const ToEnd = ({ words, missed, toEnd }: Props) => (
  <button type="button" class="pill" aria-label={missed > 0 ? undefined : words.say("latest")} onClick={toEnd}>
    {missed > 0 && words.count("newMessages", missed)}
    <Icon name="down" size={16} />
  </button>
);

import { partsOf } from "@switchboard/ui/links";
import type { ComponentChildren } from "preact";

/** The text of a message: links become elements, all else stays text. Line breaks are shown by the style. */
export const richText = (text: string): ComponentChildren[] =>
  partsOf(text).map((part) =>
    typeof part === "string" ? (
      part
    ) : (
      <a href={part.href} target="_blank" rel="noopener nofollow">
        {part.shown}
      </a>
    ),
  );

const FEW_EMOJI = /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\p{Regional_Indicator}|\u200d|\ufe0f){1,12}$/u;
export const isFewEmoji = (text: string): boolean => text.length <= 24 && FEW_EMOJI.test(text.replace(/\s/g, ""));

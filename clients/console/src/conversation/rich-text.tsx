import { partsOf } from "@switchboard/ui/links";
import type { ComponentChildren } from "preact";

/** The text of a message: links become elements, all else stays text. Line breaks are shown by the style. */
export const richText = (text: string): ComponentChildren[] =>
  partsOf(text).map((part) =>
    typeof part === "string" ? (
      part
    ) : (
      <a href={part.href} target="_blank" rel="noopener noreferrer nofollow">
        {part.shown}
      </a>
    ),
  );

/** The shape of the window, as signals. */
import { type ReadonlySignal, signal } from "@preact/signals";

function matches(query: string): ReadonlySignal<boolean> {
  const list = matchMedia(query);
  const is = signal(list.matches);
  list.addEventListener("change", () => void (is.value = list.matches));
  return is;
}

/** One thing at a time: the list, or the conversation. */
export const isPhone = matches("(max-width: 767px)");
/** No room for the visitor beside the conversation: it is laid over. */
export const isNarrow = matches("(max-width: 1199px)");

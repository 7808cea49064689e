import { caps, isMac } from "./keys.ts";
import "./kbd.css";

/** A shortcut, as `mod+k`. Only to be seen: a control tells it by `aria-keyshortcuts`. */
export const Kbd = ({ keys }: { keys: string }) => (
  <span class="ui-keys" dir="ltr" aria-hidden="true">
    {caps(keys, isMac()).map((cap, index) => (
      <kbd key={index}>{cap}</kbd>
    ))}
  </span>
);

import { useLayoutEffect, useRef } from "preact/hooks";
import { Button, IconButton } from "../button/button.tsx";
import { icons } from "../icon/icon.tsx";
import { useWords } from "../words/words.ts";
import type { Toasts } from "./queue.ts";
import "./toasts.css";

/** Once in an app. It is always there, so that readers of the screen hear the first toast too. */
export function Toaster({ toasts }: { toasts: Toasts }) {
  const words = useWords();
  const ref = useRef<HTMLElement>(null);
  const before = useRef<HTMLElement | null>(null);
  const { current: rests } = useRef({ pointer: false, focus: false });
  const shown = toasts.shown.value;
  const newest = shown.at(-1)?.id;

  // Above a dialog that was opened meanwhile.
  useLayoutEffect(() => {
    if (document.querySelector("dialog:modal")) ref.current?.hidePopover();
    ref.current?.togglePopover(true);
  }, [newest]);

  // Toasts that are gone take neither the pointer's pause nor the focus with them.
  useLayoutEffect(() => {
    const isEmptied = rests.pointer && shown.length === 0;
    const isLost = rests.focus && !ref.current?.contains(document.activeElement);
    if (isLost) before.current?.focus();
    if (isEmptied) rests.pointer = false;
    if (isLost) rests.focus = false;
    if (isEmptied || isLost) settle();
  }, [shown]);

  const settle = () => toasts.pause(rests.pointer || rests.focus);
  const point = (pointer: boolean) => {
    rests.pointer = pointer;
    settle();
  };
  return (
    <section
      ref={ref}
      class="ui-toasts"
      popover="manual"
      aria-label={words.notifications}
      onPointerEnter={() => point(true)}
      onPointerLeave={() => point(false)}
      onFocusIn={({ relatedTarget }) => {
        if (!rests.focus) before.current = relatedTarget instanceof HTMLElement ? relatedTarget : null;
        rests.focus = true;
        settle();
      }}
      onFocusOut={({ relatedTarget }) => {
        // A toast that goes while it has the focus sends this too, with nothing that gets it.
        if (!(relatedTarget instanceof Node) || ref.current?.contains(relatedTarget)) return;
        rests.focus = false;
        settle();
      }}
    >
      <div role="status">
        {shown.map(({ id, text, tone, action }) => (
          <div key={id} class={tone ? `ui-toast ui-${tone}` : "ui-toast"}>
            <span class="ui-toast-text" dir="auto">{text}</span>
            {action && <Button size="small" tone="quiet" onClick={() => toasts.act(id)}>{action.label}</Button>}
            <IconButton size="small" icon={icons.close} label={words.dismiss} onClick={() => toasts.dismiss(id)} />
          </div>
        ))}
      </div>
    </section>
  );
}

/**
 * One tooltip for a whole app: `<Tooltips />` once, within a landmark as `<main>`, and `{...tip("Close", "e")}` on what has one.
 *
 * It is never the only name: what has one has a text or an `aria-label` of its own, of which the tooltip is a description.
 */
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Kbd } from "../kbd/kbd.tsx";
import { anchored } from "../popover/anchored.ts";
import "./tooltip.css";

export interface Tip {
  "data-tip": string;
  "data-tip-keys": string | undefined;
}

export const tip = (text: string, keys?: string): Tip => ({ "data-tip": text, "data-tip-keys": keys });

const DELAY = 500;
/** After one has been seen the next shows at once. */
const WARM = 400;

const tipped = (target: EventTarget | null): HTMLElement | null => (target instanceof Element ? target.closest<HTMLElement>("[data-tip]") : null);

export function Tooltips() {
  const id = useId();
  const ref = useRef<HTMLDivElement>(null);
  const [target, setTarget] = useState<HTMLElement | null>(null);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let wanted: HTMLElement | null = null;
    let seen = -Infinity;
    let isShown = false;
    const hide = () => {
      clearTimeout(timer);
      if (isShown) seen = performance.now();
      isShown = false;
      wanted = null;
      setTarget(null);
    };
    const want = (element: HTMLElement | null) => {
      if (element === wanted) return;
      hide();
      wanted = element;
      if (!element) return;
      timer = setTimeout(
        () => {
          isShown = true;
          setTarget(element);
        },
        performance.now() - seen < WARM ? 0 : DELAY,
      );
    };
    const ended = new AbortController();
    const on = <K extends keyof DocumentEventMap>(type: K, hear: (event: DocumentEventMap[K]) => void) =>
      document.addEventListener(type, hear, { capture: true, signal: ended.signal });
    on("pointerover", ({ target: over, pointerType }) => {
      // The tooltip itself may be hovered, to be read with a magnifier.
      if (pointerType !== "touch" && !(over instanceof Node && ref.current?.contains(over))) want(tipped(over));
    });
    on("focusin", ({ target: focused }) => {
      if (focused instanceof Element && focused.matches(":focus-visible")) want(tipped(focused));
    });
    on("focusout", hide);
    on("pointerdown", hide);
    // What is only wanted may still show: a scroll can bring its element under the pointer.
    on("scroll", () => isShown && hide());
    // Escape goes on to what it was meant for.
    on("keydown", hide);
    document.documentElement.addEventListener("pointerleave", hide, { signal: ended.signal });
    return () => {
      ended.abort();
      hide();
    };
  }, []);

  const text = target?.dataset["tip"] ?? "";
  const keys = target?.dataset["tipKeys"];
  useLayoutEffect(() => {
    const box = ref.current;
    if (!target?.isConnected || !box) return;
    // What repeats the name is not said twice.
    const describes = (target.ariaLabel ?? target.textContent) !== text && !target.hasAttribute("aria-describedby");
    if (describes) target.setAttribute("aria-describedby", id);
    box.showPopover();
    const end = anchored(box, target, { align: "centre", gap: 6 });
    return () => {
      end();
      if (describes) target.removeAttribute("aria-describedby");
    };
  }, [target]);

  return target ? (
    <div ref={ref} id={id} class="ui-tooltip" role="tooltip" popover="manual">
      {text}
      {keys && <Kbd keys={keys} />}
    </div>
  ) : null;
}

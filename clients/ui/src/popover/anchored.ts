import { position } from "./position.ts";

export interface Anchoring {
  align?: "start" | "end" | "centre";
  side?: "below" | "above";
  gap?: number;
  /** At least as wide as the anchor. */
  isAsWide?: boolean;
}

function place(popover: HTMLElement, anchor: Element, { align = "start", side = "below", gap = 4, isAsWide = false }: Anchoring): void {
  const box = anchor.getBoundingClientRect();
  const isRtl = getComputedStyle(anchor).direction === "rtl";
  const { style } = popover;
  style.maxHeight = "";
  if (isAsWide) style.minWidth = `${box.width}px`;
  const { left, top, room } = position({
    anchor: box,
    width: popover.offsetWidth,
    height: popover.offsetHeight,
    view: { width: document.documentElement.clientWidth, height: innerHeight },
    align: align === "centre" ? "centre" : (align === "start") === isRtl ? "right" : "left",
    side,
    gap,
  });
  style.left = `${left}px`;
  style.top = `${top}px`;
  style.maxHeight = `${room}px`;
}

/** Keeps a popover beside its anchor while pages scroll and windows change; the answer ends that. */
export function anchored(popover: HTMLElement, anchor: Element, options: Anchoring = {}): () => void {
  const again = () => place(popover, anchor, options);
  const scrolled = ({ target }: Event) => void (target instanceof Node && popover.contains(target) ? undefined : again());
  const sizes = new ResizeObserver(again);
  sizes.observe(popover);
  addEventListener("resize", again);
  addEventListener("scroll", scrolled, true);
  again();
  return () => {
    sizes.disconnect();
    removeEventListener("resize", again);
    removeEventListener("scroll", scrolled, true);
  };
}

/** Where a popover stands beside its anchor: below if it fits there, else where there is more room. */

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Wanted {
  anchor: Box;
  width: number;
  height: number;
  view: { width: number; height: number };
  /** The side of the anchor with which it is flush. */
  align: "left" | "right" | "centre";
  side?: "below" | "above";
  gap: number;
}

const MARGIN = 8;

export function position({ anchor, width, height, view, align, side = "below", gap }: Wanted): { left: number; top: number; room: number } {
  const below = view.height - anchor.bottom - gap - MARGIN;
  const above = anchor.top - gap - MARGIN;
  const [first, second] = side === "below" ? [below, above] : [above, below];
  const isFlipped = height > first && second > first;
  const isBelow = (side === "below") !== isFlipped;
  const room = Math.max(isBelow ? below : above, 0);
  const shown = Math.min(height, room);
  const flush = { left: anchor.left, right: anchor.right - width, centre: (anchor.left + anchor.right - width) / 2 }[align];
  return {
    left: Math.max(MARGIN, Math.min(flush, view.width - width - MARGIN)),
    top: isBelow ? anchor.bottom + gap : anchor.top - gap - shown,
    room,
  };
}

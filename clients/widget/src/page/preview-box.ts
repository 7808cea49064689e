import { adopt } from "../shared/sheet.ts";
import styles from "./preview-box.css?inline";

const dressed = new WeakSet<ShadowRoot>();

/** Makes the panel's box as small as the preview that is drawn in it; a height of 0 gives it back to the panel. */
export function place(root: ShadowRoot, height: number): void {
  const box = root.querySelector<HTMLElement>(".box");
  if (!box) return;
  if (!dressed.has(root)) adopt(root, styles);
  dressed.add(root);
  const isPreview = height > 0;
  box.classList.toggle("small", isPreview);
  box.style.setProperty("--preview-height", `${height}px`);
  box.role = isPreview ? "group" : "dialog";
  if (isPreview) return;
  // Else the whole panel would be seen going.
  box.style.transition = "none";
  box.getBoundingClientRect();
  box.style.transition = "";
}

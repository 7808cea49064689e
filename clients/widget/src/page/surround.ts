import type { Panel, PageHost, PagePanel, PanelHost } from "../shared/bridge.ts";
import { adopt } from "../shared/sheet.ts";
import { currentPage, watchAddress } from "./address.ts";
import styles from "./box.css?inline";

/** Ties a panel to the page around it: the box and its size, the page's address, focus and title. */
export function surround(box: HTMLElement, root: ShadowRoot, host: PanelHost, make: (host: PageHost) => PagePanel): Panel {
  adopt(root, styles);
  const panel = make({ ...host, titleBadge });
  const focus = () => panel.pageFocus(document.hasFocus());
  const view = window.visualViewport;
  /** The keyboard of a phone covers what is fixed to the window's end; only the visual viewport tells. */
  const fit = () => {
    if (!view) return;
    box.style.setProperty("--view-height", `${Math.round(view.height)}px`);
    box.style.setProperty("--view-top", `${Math.round(view.offsetTop)}px`);
  };
  const ended = new AbortController();
  const { signal } = ended;
  const stopWatching = watchAddress((page) => panel.page(page));
  for (const type of ["focus", "blur"]) addEventListener(type, focus, { signal });
  for (const type of ["resize", "scroll"]) view?.addEventListener(type, fit, { signal });
  box.addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && !event.isComposing && host.close(), { signal });
  fit();
  focus();
  panel.page(currentPage());
  return {
    ...panel,
    destroy() {
      ended.abort();
      stopWatching();
      titleBadge(0);
      panel.destroy();
    },
  };
}

function titleBadge(count: number): void {
  const bare = document.title.replace(/^\(\d+\+?\) /, "");
  const title = count > 0 ? `(${count > 99 ? "99+" : count}) ${bare}` : bare;
  if (title !== document.title) document.title = title;
}

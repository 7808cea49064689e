import type { Attach, PageHost, PagePanel, PanelSettings } from "../shared/bridge.ts";
import { type FrameMessage, HOST_CALLS, PANEL_CALLS, isFrameMessage } from "../shared/frame-messages.ts";
import { surround } from "./surround.ts";

/** The panel in an iframe of the server's origin: scripts of the page cannot reach into it. */
export const attach: Attach = (box, root, settings, host) => surround(box, root, host, (around) => frame(box, root, settings, around));

function frame(container: HTMLElement, root: ShadowRoot, settings: PanelSettings, host: PageHost): PagePanel {
  const origin = new URL(settings.server).origin;
  const iframe = document.createElement("iframe");
  const address = new URL("widget/frame", settings.server);
  address.search = new URLSearchParams({ site: settings.site, origin: location.origin }).toString();
  iframe.src = address.href;
  iframe.title = "Chat";
  iframe.allow = "clipboard-write; autoplay";

  let isLoaded = false;
  const waiting: FrameMessage[] = [];
  const lasting = new Map<string, FrameMessage>();
  const post = (message: FrameMessage) => iframe.contentWindow?.postMessage(message, origin);
  const call = (name: string, ...values: unknown[]) => {
    const message = { switchboard: name, values };
    if (["identityChanged", "page", "pageFocus"].includes(name)) lasting.set(name, message);
    if (isLoaded) post(message);
    else waiting.push(message);
  };

  const receive = ({ source, origin: from, data }: MessageEvent<unknown>) => {
    if (source !== iframe.contentWindow || from !== origin || !isFrameMessage(data)) return;
    if (data.switchboard === "loaded") {
      // Again after each time that the element was put back: a moved iframe loads anew.
      post({ switchboard: "mount", values: [settings] });
      if (isLoaded) for (const message of lasting.values()) post(message);
      isLoaded = true;
      for (const message of waiting.splice(0)) post(message);
    } else if (data.switchboard === "identity") {
      void host.identity().then(
        (token) => post({ switchboard: "identity", values: [data.values[0], token] }),
        () => post({ switchboard: "identity", values: [data.values[0], null] }),
      );
    } else if (data.switchboard === "preview") {
      void import("./preview-box.ts").then(({ place }) => place(root, Number(data.values[0])));
    } else if ((HOST_CALLS as readonly string[]).includes(data.switchboard)) {
      (host[data.switchboard as keyof PageHost] as (...values: unknown[]) => void)(...data.values);
    }
  };
  addEventListener("message", receive);
  container.append(iframe);

  const calls = PANEL_CALLS.map((name) => [name, (...values: unknown[]) => call(name, ...values)] as const);
  return {
    ...(Object.fromEntries(calls) as unknown as PagePanel),
    shown(isShown, focus) {
      // The keys go to the frame, whether or not the browser lets its script focus the field.
      if (focus) iframe.focus({ preventScroll: true });
      call("shown", isShown, focus);
    },
    destroy() {
      removeEventListener("message", receive);
      iframe.remove();
    },
  };
}

/** A page that takes the element out again and again wins: two scripts must not fight for ever. */
const RETURNS = 10;
const RETURNS_WITHIN_MS = 60_000;

/** Makes the one element in the page, a child of `<html>`: it outlives a swapped `<body>`. Answers its root and its end. */
export function keepInPage(putBack: () => void): [ShadowRoot, () => void] {
  const element = document.createElement("switchboard-widget");
  const root = element.attachShadow({ mode: "open" });
  let returns: number[] = [];
  // Keys and focus inside the widget are no business of the page's shortcuts and focus traps.
  for (const type of ["keydown", "keyup", "keypress", "focusin", "focusout"]) element.addEventListener(type, (event) => event.stopPropagation());
  const put = () => {
    document.documentElement.append(element);
    observer.observe(document, { childList: true });
    observer.observe(document.documentElement, { childList: true });
  };
  const observer = new MutationObserver(() => {
    if (element.isConnected) return;
    const now = performance.now();
    returns = [...returns.filter((at) => now - at < RETURNS_WITHIN_MS), now];
    observer.disconnect();
    if (returns.length > RETURNS) {
      console.warn("Switchboard: this page keeps removing the chat; it stays away.");
      return;
    }
    put();
    putBack();
  });
  put();
  return [
    root,
    () => {
      observer.disconnect();
      element.remove();
    },
  ];
}

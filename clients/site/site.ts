/** The page for a newcomer: the code to paste, with this server's address in it, and a button that opens the widget. */

type Command = (command: string, ...values: unknown[]) => unknown;

const part = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
};

const server = new URL("./", document.baseURI).href;
const snippet = `<script async src="${server}widget.js" data-site="default"></script>
<noscript><a href="${server}talk/default">Chat with us</a></noscript>`;

part("snippet").textContent = snippet;

part("open").addEventListener("click", () => (window as { switchboard?: Command }).switchboard?.("open"));

part("copy").addEventListener("click", () => void copy());

async function copy(): Promise<void> {
  try {
    await navigator.clipboard.writeText(snippet);
    part("copied").textContent = "Copied.";
  } catch {
    // Browsers let pages copy only over HTTPS and on this machine itself.
    getSelection()?.selectAllChildren(part("snippet"));
    part("copied").textContent = "The code is selected: copy it with Ctrl+C, or ⌘C on a Mac.";
  }
}

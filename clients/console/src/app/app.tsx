/** Who is here decides what is shown: nobody, somebody with a link, or an operator. */
import { Words } from "@switchboard/ui";
import { effect } from "@preact/signals";
import { useLayoutEffect, useState } from "preact/hooks";
import { LinkPage } from "../account/link-page.tsx";
import { account, ending } from "../account/login.ts";
import { SignIn } from "../account/sign-in.tsx";
import { Desk } from "../desk/desk.ts";
import { listen } from "../keys/keyboard.ts";
import { watchVersion } from "../offline/version.ts";
import { alerts, title } from "../settings/alerts.ts";
import { kitWords, language } from "../words/words.ts";
import { Console } from "./console.ts";
import { ConsoleContext } from "./context.ts";
import { route } from "./route.ts";
import { Shell } from "./shell.tsx";

/** The desk of the account, as long as it is signed in. */
function useSignedIn(): Console | null {
  const [console, setConsole] = useState<Console | null>(null);
  const id = account.value?.id;
  useLayoutEffect(() => {
    const who = account.peek();
    if (id === undefined || !who) return;
    const made = new Console(new Desk(who));
    const off = [listen(made), alerts(made), title(made), watchVersion(made)];
    const follow = effect(() => {
      language();
      made.desk.renamed();
    });
    setConsole(made);
    made.desk.start();
    return () => {
      follow();
      for (const end of off) end();
      setConsole(null);
      const why = ending.peek();
      // What was seen goes when the right to see it does. Own words stay for who signs in again, but not at sign-out.
      void (account.peek() === null && why !== null ? made.desk.wipe(why !== "ended") : made.desk.wipe(false));
    };
  }, [id]);
  return account.value ? console : null;
}

export function App() {
  const console = useSignedIn();
  const at = route.value;
  return (
    <Words.Provider value={kitWords()}>
      {at.page === "link" ? (
        <LinkPage kind={at.kind} token={at.token} />
      ) : console ? (
        <ConsoleContext.Provider value={console}>
          <Shell />
        </ConsoleContext.Provider>
      ) : (
        account.value === null && <SignIn />
      )}
    </Words.Provider>
  );
}

/** The browsers in which an account is signed in, and ending what is not one's own any more. */
import { Badge, Button, Skeleton } from "@switchboard/ui";
import { useEffect, useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import { t, times } from "../words/words.ts";
import "./page.css";

interface Login {
  id: string | number;
  created_at: string;
  used_at: string | null;
  user_agent: string | null;
  address_hint: string | null;
  is_current: boolean;
}

/** What a browser says of itself, in short. */
export function browserOf(agent: string | null): string {
  if (!agent) return t("unknownBrowser");
  const name = /Edg\//.test(agent) ? "Edge" : /Firefox\//.test(agent) ? "Firefox" : /Chrom/.test(agent) ? "Chrome" : /Safari\//.test(agent) ? "Safari" : (agent.split(/[/ ]/)[0] ?? "");
  const system = /Android/.test(agent) ? "Android" : /iPhone|iPad/.test(agent) ? "iOS" : /Windows/.test(agent) ? "Windows" : /Mac OS/.test(agent) ? "macOS" : /Linux/.test(agent) ? "Linux" : "";
  return [name.slice(0, 60), system].filter(Boolean).join(" · ");
}

/** `user` is `me`, or the id of an account for its admin. */
export function Logins({ user = "me" }: { user?: string }) {
  const { desk, toasts } = useConsole();
  const [logins, setLogins] = useState<readonly Login[] | "waiting" | "failed">("waiting");
  const load = () =>
    desk.client.call<{ logins: Login[] }>(`/users/${user}/logins`).then(
      ({ logins: found }) => setLogins(found),
      () => setLogins("failed"),
    );
  useEffect(() => void load(), [user]);
  async function end(id: string | number): Promise<void> {
    if (Array.isArray(logins)) setLogins(logins.filter((one: Login) => one.id !== id));
    try {
      await desk.client.call(`/users/${user}/logins/${id}`, { method: "DELETE" });
      toasts.show({ text: t("loginWasEnded") });
    } catch {
      toasts.show({ text: t("notSaved"), tone: "danger" });
      void load();
    }
  }
  if (logins === "waiting") return <Skeleton width="60%" />;
  if (logins === "failed" || typeof logins === "string") return <p class="page-error">{t("notLoaded")}</p>;
  if (logins.length === 0) return <p class="page-soft">{t("loginsNone")}</p>;
  return (
    <ul class="logins">
      {logins.map((login) => (
        <li key={login.id} class="login">
          <span>
            {browserOf(login.user_agent)} {login.is_current && <Badge tone="success">{t("thisBrowser")}</Badge>}
            <small>
              {[login.address_hint, t("signedInAt", { at: times().full(login.created_at) }), login.used_at && t("usedAt", { at: times().full(login.used_at) })].filter(Boolean).join(" · ")}
            </small>
          </span>
          {!login.is_current && <Button size="small" onClick={() => void end(login.id)}>{t("endLogin")}</Button>}
        </li>
      ))}
    </ul>
  );
}

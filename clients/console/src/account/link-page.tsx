/** The pages of links that are good once: the first admin, an invitation, a new password. */
import { Button, TextField } from "@switchboard/ui";
import { asApiError } from "@switchboard/sdk";
import { useEffect, useState } from "preact/hooks";
import { go, type LinkKind } from "../app/route.ts";
import { ask } from "../app/server.ts";
import { type PlainKey, t } from "../words/words.ts";
import { Frame } from "./frame.tsx";
import { account, enter, signOut } from "./login.ts";

interface Looked {
  kind: LinkKind;
  email: string | null;
  name: string | null;
}

const TITLES: Record<LinkKind, PlainKey> = { first: "firstTitle", join: "joinTitle", password: "passwordTitle" };
export const PASSWORD_LENGTH = 10;

export function LinkPage({ kind, token }: { kind: LinkKind; token: string }) {
  const [looked, setLooked] = useState<Looked | "waiting" | "gone" | "unreachable">("waiting");
  useEffect(() => {
    let isOver = false;
    setLooked("waiting");
    ask<Looked>("/auth/links/look", { method: "POST", body: { token } }).then(
      (found) => !isOver && setLooked(found),
      (cause: unknown) => !isOver && setLooked([404, 422, 400].includes(asApiError(cause).status) ? "gone" : "unreachable"),
    );
    return () => void (isOver = true);
  }, [token]);

  if (looked === "waiting") return <Frame title={t(TITLES[kind])}><p aria-busy="true">{t("loading")}</p></Frame>;
  if (looked === "gone" || looked === "unreachable") {
    return (
      <Frame title={t(looked === "gone" ? "linkGone" : "noServer")}>
        <p>{t(looked === "gone" ? "linkGoneHint" : "tryAgainHint")}</p>
        <Button onClick={() => (looked === "gone" ? go({ page: "lists", list: "mine", chat: null, message: null }, true) : location.reload())}>{t(looked === "gone" ? "toSignIn" : "retry")}</Button>
      </Frame>
    );
  }
  return <Fill kind={looked.kind} token={token} looked={looked} />;
}

function Fill({ kind, token, looked }: { kind: LinkKind; token: string; looked: Looked }) {
  const [name, setName] = useState(looked.name ?? "");
  const [email, setEmail] = useState(looked.email ?? "");
  const [password, setPassword] = useState("");
  const [errors, setErrors] = useState<Partial<Record<"name" | "email" | "password" | "all", string>>>({});
  const [isBusy, setBusy] = useState(false);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (isBusy) return;
    if ([...password].length < PASSWORD_LENGTH) {
      setErrors({ password: t("passwordShort", { count: String(PASSWORD_LENGTH) }) });
      return;
    }
    setBusy(true);
    setErrors({});
    try {
      const own = kind === "password" ? {} : { name: name.trim() };
      const tokens = await ask<Parameters<typeof enter>[0]>("/auth/links/use", { method: "POST", body: { token, password, ...own, ...(kind === "first" ? { email: email.trim() } : {}) } });
      if (account.peek()) await signOut();
      // The token goes from the address before anything else.
      go({ page: "lists", list: "mine", chat: null, message: null }, true);
      await enter(tokens);
    } catch (cause) {
      const { status, details, message } = asApiError(cause);
      const field = details["field"];
      if (field === "name" || field === "email" || field === "password") setErrors({ [field]: message });
      else setErrors({ all: status === 404 ? t("linkGone") : status === 409 ? t("emailTaken") : t("noServer") });
    } finally {
      setBusy(false);
    }
  }

  return (
    <Frame title={t(TITLES[kind])}>
      <form onSubmit={(event) => void submit(event)}>
        {kind === "first" ? (
          <TextField label={t("email")} type="email" autocomplete="username" required autofocus value={email} onText={setEmail} error={errors.email} />
        ) : (
          <p dir="auto">{looked.email}</p>
        )}
        {kind !== "password" && <TextField label={t("yourName")} autocomplete="name" required maxLength={200} value={name} onText={setName} error={errors.name} />}
        <TextField
          label={kind === "password" ? t("newPassword") : t("password")}
          type="password"
          autocomplete="new-password"
          required
          value={password}
          onText={setPassword}
          hint={t("passwordHint", { count: String(PASSWORD_LENGTH) })}
          error={errors.password}
        />
        {errors.all && <p class="entry-error" role="alert">{errors.all}</p>}
        <Button tone="primary" type="submit" aria-disabled={isBusy}>{t(kind === "password" ? "setPassword" : "makeAccount")}</Button>
      </form>
    </Frame>
  );
}

import { Button, TextField } from "@switchboard/ui";
import { asApiError } from "@switchboard/sdk";
import { useEffect, useState } from "preact/hooks";
import { ask } from "../app/server.ts";
import { type PlainKey, t } from "../words/words.ts";
import { Frame } from "./frame.tsx";
import { ending, signIn } from "./login.ts";

/** What to say of a refusal. */
export function refusal(cause: unknown): string {
  const { status, code, retryAfterMs } = asApiError(cause);
  if (status === 401) return t("wrongLogin");
  if (status === 403) return t("notStaff");
  if (code === "rate_limited") return t("tooOften", { seconds: String(Math.ceil(retryAfterMs / 1_000) || 1) });
  return t("noServer");
}

/** The first page has the console in a frame, and would be scrolled to what takes the focus there. */
const isWhole = window === window.top;

export function SignIn() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [isFirst, setFirst] = useState(false);
  const why = ending.value;

  useEffect(() => {
    ask<{ is_open: boolean }>("/auth/first").then(
      ({ is_open: isOpen }) => setFirst(isOpen),
      () => undefined,
    );
  }, []);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setError(null);
    try {
      await signIn(email.trim(), password);
    } catch (cause) {
      setError(refusal(cause));
    } finally {
      setBusy(false);
    }
  }

  const told: PlainKey | null = why === "ended" ? "loginEnded" : why === "not-staff" ? "notStaff" : null;
  return (
    <Frame title={t("signIn")}>
      {told && !error && <p class="entry-told" role="status">{t(told)}</p>}
      {isFirst && <p class="entry-told">{t("firstHint")}</p>}
      <form onSubmit={(event) => void submit(event)}>
        <TextField label={t("email")} type="email" name="email" autocomplete="username" required autofocus={isWhole} value={email} onText={setEmail} />
        <TextField label={t("password")} type="password" name="password" autocomplete="current-password" required value={password} onText={setPassword} />
        {error && <p class="entry-error" role="alert">{error}</p>}
        <Button tone="primary" type="submit" aria-disabled={isBusy}>{isBusy ? t("signingIn") : t("signIn")}</Button>
      </form>
      <p class="entry-hint">{t("forgotten")}</p>
    </Frame>
  );
}

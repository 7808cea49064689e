import { Button, TextField } from "@switchboard/ui";
import { asApiError } from "@switchboard/sdk";
import { useState } from "preact/hooks";
import { rename } from "../account/login.ts";
import { PASSWORD_LENGTH } from "../account/link-page.tsx";
import { useConsole } from "../app/context.ts";
import { t } from "../words/words.ts";

export const Profile = () => (
  <div class="page-narrow">
    <Name />
    <Password />
  </div>
);

function Name() {
  const { desk, toasts } = useConsole();
  const [name, setName] = useState(desk.account.name);
  const [error, setError] = useState<string | undefined>();
  async function save(event: Event): Promise<void> {
    event.preventDefault();
    setError(undefined);
    try {
      await desk.client.call("/users/me", { method: "PATCH", body: { name: name.trim() } });
      rename(name.trim());
      toasts.show({ text: t("saved") });
    } catch (cause) {
      const { status, message } = asApiError(cause);
      setError(status === 422 ? message : t("notSaved"));
    }
  }
  return (
    <form onSubmit={(event) => void save(event)}>
      <TextField label={t("yourName")} value={name} onText={setName} maxLength={200} autocomplete="name" required hint={t("nameHint")} error={error} />
      <p class="page-soft" dir="auto">{desk.account.email}</p>
      <Button type="submit" tone="primary">{t("save")}</Button>
    </form>
  );
}

function Password() {
  const { desk, toasts } = useConsole();
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const [errors, setErrors] = useState<{ old?: string; next?: string }>({});
  async function save(event: Event): Promise<void> {
    event.preventDefault();
    if ([...next].length < PASSWORD_LENGTH) {
      setErrors({ next: t("passwordShort", { count: String(PASSWORD_LENGTH) }) });
      return;
    }
    setErrors({});
    try {
      await desk.client.call("/users/me/password", { method: "POST", body: { old, new: next } });
      setOld("");
      setNext("");
      toasts.show({ text: t("passwordChanged") });
    } catch (cause) {
      const { status, message, code, details } = asApiError(cause);
      if (status === 403 || status === 401 || details["field"] === "old") setErrors({ old: t("wrongPassword") });
      else if (status === 422) setErrors({ next: message });
      else if (code === "rate_limited") setErrors({ old: t("tooOften", { seconds: "60" }) });
      else setErrors({ next: t("notSaved") });
    }
  }
  return (
    <form onSubmit={(event) => void save(event)}>
      <h2>{t("password")}</h2>
      <TextField label={t("oldPassword")} type="password" autocomplete="current-password" required value={old} onText={setOld} error={errors.old} />
      <TextField label={t("newPassword")} type="password" autocomplete="new-password" required value={next} onText={setNext} hint={t("passwordHint", { count: String(PASSWORD_LENGTH) })} error={errors.next} />
      <p class="page-soft">{t("passwordEnds")}</p>
      <Button type="submit">{t("changePassword")}</Button>
    </form>
  );
}

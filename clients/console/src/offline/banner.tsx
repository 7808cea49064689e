/** Rule 22: a word of a broken connection only after three seconds, and what waits for its return. */
import { useEffect, useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import { many, t } from "../words/words.ts";
import "./banner.css";

const PATIENCE_MS = 3_000;

export function Banner() {
  const { desk } = useConsole();
  const { downSince, closed, state } = desk.connection.value;
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    setLong(false);
    if (downSince === null) return;
    const timer = setTimeout(() => setLong(true), Math.max(0, downSince + PATIENCE_MS - Date.now()));
    return () => clearTimeout(timer);
  }, [downSince]);
  const waiting = desk.waiting.value;
  if (state === "closed") {
    const isElsewhere = closed?.code === 4502;
    return (
      <div class="banner" role="alert">
        <span>{isElsewhere ? t("elsewhere") : t("stopped")}</span>
        <button type="button" class="link" onClick={() => desk.client.start()}>{t("connect")}</button>
      </div>
    );
  }
  if (!isLong || downSince === null) return null;
  return (
    <div class="banner" role="status">
      <span>{t("noConnection")}</span>
      {waiting > 0 && <span>{many("willBeSent", waiting)}</span>}
    </div>
  );
}

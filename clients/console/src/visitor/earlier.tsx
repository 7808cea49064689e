/** The conversations that the same visitor had before. */
import { asApiError, type ListedSession, query } from "@switchboard/sdk";
import { useEffect, useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import { format } from "../app/route.ts";
import { currentList, openChat } from "../app/route.ts";
import { t, times } from "../words/words.ts";

interface Page {
  sessions: ListedSession[];
  next_cursor?: string | number | null;
}

const PAGE = 10;

export function Earlier({ id }: { id: number }) {
  const { client } = useConsole().desk;
  const [sessions, setSessions] = useState<readonly ListedSession[] | null>(null);
  const [cursor, setCursor] = useState<string | number | null>(null);
  const [hasFailed, setFailed] = useState(false);

  const load = (from: string | number | null, isOver: () => boolean) =>
    client
      .call<Page>(query(`/chat/session/${id}/earlier`, { cursor: from, limit: PAGE }))
      .then((page) => {
        if (isOver()) return;
        client.take(page.sessions);
        setSessions((before) => [...(before ?? []), ...page.sessions]);
        setCursor(page.next_cursor ?? null);
      })
      .catch((cause: unknown) => {
        if (!isOver()) setFailed(asApiError(cause).status !== 404);
        if (!isOver() && asApiError(cause).status === 404) setSessions([]);
      });

  useEffect(() => {
    let isOver = false;
    void load(null, () => isOver);
    return () => void (isOver = true);
  }, [id]);

  if (hasFailed) return <p>{t("notLoaded")}</p>;
  if (!sessions) return <p aria-busy="true">{" "}</p>;
  if (sessions.length === 0) return <p>{t("earlierNone")}</p>;
  return (
    <>
      <ul class="about-earlier">
        {sessions.map((session) => {
          const chat = session.session_id;
          return (
            <li key={chat}>
              <a
                href={format({ page: "lists", list: currentList(), chat, message: null })}
                onClick={(event) => {
                  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                  event.preventDefault();
                  openChat(chat);
                }}
              >
                <span dir="auto">{session.last_message?.body.slice(0, 120) || `#${chat}`}</span>
                <small>
                  {times().full(session.created_at)} · {session.status === "closed" ? t("isClosed") : session.status === "pending" ? t("isPending") : t("isOpen")}
                </small>
              </a>
            </li>
          );
        })}
      </ul>
      {cursor !== null && (
        <button type="button" class="link" onClick={() => void load(cursor, () => false)}>
          {t("showMore")}
        </button>
      )}
    </>
  );
}

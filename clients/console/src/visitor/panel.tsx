/** What is known of a visitor: where it is, what it has, who it said that it is, and what it asked before. */
import { Icon, IconButton, icons as kit } from "@switchboard/ui";
import type { ChatView } from "@switchboard/sdk";
import type { ComponentChildren } from "preact";
import { now } from "../app/clock.ts";
import { useConsole } from "../app/context.ts";
import * as icons from "../app/icons.ts";
import { isNarrow } from "../app/media.ts";
import { address } from "@switchboard/ui/links";
import type { Row } from "../desk/rows.ts";
import { language, t, times } from "../words/words.ts";
import { Earlier } from "./earlier.tsx";
import "./panel.css";

const Part = ({ title, children }: { title: string; children: ComponentChildren }) => (
  <section class="about-part" aria-label={title}>
    <h2>{title}</h2>
    {children}
  </section>
);

const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <div class="about-fact">
    <dt dir="auto">{name}</dt>
    <dd dir="auto">{children}</dd>
  </div>
);

export function VisitorPanel({ row, chat }: { row: Row; chat: ChatView }) {
  const console = useConsole();
  const { desk } = console;
  const { client } = chat.session ?? { client: null };
  const page = desk.pages.value.get(row.id);
  const contact = chat.facts?.contact ?? null;
  const attributes = Object.entries(chat.facts?.metadata ?? {}).slice(0, 100);
  return (
    <aside class="about" aria-label={t("visitor")}>
      {isNarrow.value && <IconButton class="about-close" icon={kit.close} label={t("close")} onClick={() => console.togglePanel()} />}
      <Part title={t("visitor")}>
        <dl>
          <Fact name={t("name")}>{row.name}</Fact>
          {row.email && (
            <Fact name={t("email")}>
              <Linked text={row.email} />
            </Fact>
          )}
          {contact?.identifier && <Fact name={t("knownAs")}>{contact.identifier}</Fact>}
          {contact && <Fact name={t("identity")}>{t("proved")}</Fact>}
          {chat.facts?.clientSeenAt && <Fact name={t("lastSeen")}>{times().ago(chat.facts.clientSeenAt, now.value)}</Fact>}
        </dl>
      </Part>
      <Part title={t("page")}>
        {page ? (
          <p class="about-page">
            <span class="about-live" title={t("pageLive")} />
            <span>
              {page.title && <b dir="auto">{page.title}</b>}
              <Linked text={page.url} />
              <small>{times().ago(page.at, now.value)}</small>
            </span>
          </p>
        ) : client?.page_url ? (
          <p class="about-page">
            <Icon icon={icons.external} size={14} />
            <span>
              <Linked text={client.page_url} />
              <small>{t("pageBegan")}</small>
            </span>
          </p>
        ) : (
          <p>{t("pageUnknown")}</p>
        )}
      </Part>
      <Part title={t("device")}>
        <dl>
          {client?.locale && <Fact name={t("language")}>{spoken(client.locale)}</Fact>}
          <Fact name={t("began")}>{times().full(row.createdAt)}</Fact>
        </dl>
      </Part>
      {attributes.length > 0 && (
        <Part title={t("attributes")}>
          <dl>
            {attributes.map(([name, value]) => (
              <Fact key={name} name={name}>
                {typeof value === "string" ? <Linked text={value} /> : JSON.stringify(value)}
              </Fact>
            ))}
          </dl>
        </Part>
      )}
      <Part title={t("earlier")}>
        <Earlier key={row.id} id={row.id} />
      </Part>
    </aside>
  );
}

/** A link where it is an address of the web or of mail, as far as it can be one. */
function Linked({ text }: { text: string }) {
  const href = /^(?:https?:\/\/|mailto:)/i.test(text) || /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text) ? address(text) : null;
  return href ? (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow" dir="auto">
      {text}
    </a>
  ) : (
    <>{text}</>
  );
}

function spoken(locale: string): string {
  try {
    return new Intl.DisplayNames(language(), { type: "language" }).of(locale) ?? locale;
  } catch {
    return locale;
  }
}

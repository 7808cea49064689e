/** The list that is shown, with its name, its order, and the field for search. */
import { IconButton, Icon, List, Menu, Skeleton, tip } from "@switchboard/ui";
import { useCallback, useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import * as icons from "../app/icons.ts";
import { isPhone } from "../app/media.ts";
import { currentList, openChat, openList, route } from "../app/route.ts";
import type { Row } from "../desk/rows.ts";
import { change, settings } from "../settings/settings.ts";
import { type PlainKey, t } from "../words/words.ts";
import { Bulk } from "./bulk.tsx";
import { type ListName, type Sort, SORTS, siteKeyOf } from "./filters.ts";
import { ConversationRow } from "./row.tsx";
import "./lists.css";

const HEIGHT = 79;
const SEARCH_MS = 150;
const NAMES: Partial<Record<ListName, PlainKey>> = { mine: "mine", unassigned: "unassigned", open: "allOpen", pending: "pending", closed: "closed", search: "search" };
const SORT_NAMES: Record<Sort, PlainKey> = { recent: "sortRecent", waiting: "sortWaiting", newest: "sortNewest" };
const usualSort = (name: ListName): Sort => (name === "unassigned" ? "waiting" : "recent");

const keyOf = ({ id }: Row): string => String(id);
const draw = (row: Row, state: Parameters<typeof ConversationRow>[0]["state"]) => <ConversationRow row={row} state={state} />;

/** Shows the list of the address. */
function useShown(): { name: ListName; sort: Sort } {
  const { desk, searchText } = useConsole();
  const name = currentList();
  const sort = settings.value.sorts[name] ?? usualSort(name);
  const key = siteKeyOf(name);
  const siteId = key === null ? null : (desk.directory.siteByKey(key)?.id ?? -1);
  const text = name === "search" ? searchText.value : "";
  useLayoutEffect(() => {
    const show = () => desk.show({ name, sort, text, siteId, selfId: desk.account.id });
    if (name !== "search" || desk.list.peek()?.live.filter.name !== "search") {
      show();
      return;
    }
    const timer = setTimeout(show, SEARCH_MS);
    return () => clearTimeout(timer);
  }, [desk, name, sort, text, siteId]);
  return { name, sort };
}

export function Lists() {
  const console = useConsole();
  const { name, sort } = useShown();
  const site = siteKeyOf(name);
  const title = site === null ? t(NAMES[name] ?? "mine") : (console.desk.directory.siteByKey(site)?.name ?? site);
  return (
    <section class="lists" aria-label={t("conversationList")}>
      <div class="lists-head">
        <div class="lists-title">
          {isPhone.value && <IconButton icon={icons.menu} label={t("lists")} onClick={() => void (console.layer.value = "menu")} />}
          <h1 dir="auto">{title}</h1>
          {name !== "search" && (
            <Menu
              label={t("order")}
              align="end"
              entries={SORTS.map((one) => ({
                id: one,
                label: t(SORT_NAMES[one]),
                checked: one === sort,
                onSelect: () => change({ sorts: { ...settings.peek().sorts, [name]: one } }),
              }))}
            >
              {(trigger) => <IconButton icon={icons.more} label={t("order")} size="small" {...tip(t(SORT_NAMES[sort]))} {...trigger} />}
            </Menu>
          )}
        </div>
        <Search />
      </div>
      <Bulk />
      <div class="lists-body">
        <Shown title={title} />
      </div>
    </section>
  );
}

function Search() {
  const console = useConsole();
  const { searchText } = console;
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    console.focusSearch = () => {
      field.current?.focus();
      field.current?.select();
    };
    return () => void (console.focusSearch = null);
  }, [console]);
  const typed = (text: string) => {
    searchText.value = text;
    if (text.trim() !== "" && currentList() !== "search") openList("search");
    if (text === "" && currentList() === "search") openList("mine");
  };
  return (
    <div class="lists-search">
      <Icon icon={icons.search} />
      <input
        ref={field}
        class="ui-input"
        type="search"
        dir={searchText.value === "" ? undefined : "auto"}
        autocomplete="off"
        maxLength={100}
        aria-label={t("searchHint")}
        placeholder={t("searchHint")}
        value={searchText.value}
        onInput={({ currentTarget }) => typed(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown" && event.key !== "Enter") return;
          event.preventDefault();
          console.list?.focus();
        }}
      />
    </div>
  );
}

function Shown({ title }: { title: string }) {
  const console = useConsole();
  const { desk, chosen } = console;
  const shown = desk.list.value;
  const list = useRef<List<Row>>(null);
  const open = route.value.page === "lists" ? route.value.chat : null;
  // A row that is chosen draws itself; the list marks the open one.
  const selected = chosen.value.size > 0 ? new Set([...chosen.value].map(String)) : new Set(open === null ? [] : [String(open)]);

  const keep = useCallback((made: List<Row>) => void (list.current = made), []);

  useEffect(() => {
    console.list = {
      move: (steps) => list.current?.move(steps),
      focus: () => list.current?.focus(),
      settle: () => list.current?.settle(),
      active: () => (list.current?.active === undefined ? null : Number(list.current.active)),
    };
    return () => void (console.list = null);
  }, [console]);

  useEffect(() => {
    if (open !== null && list.current?.active !== String(open)) list.current?.activate(String(open));
  }, [open, shown]);

  if (!shown) return null;
  const isWaiting = shown.pages.first.value === "waiting" && shown.live.items.value.length === 0;
  if (isWaiting) return <Waiting />;
  const { name, text } = shown.live.filter;
  return (
    <List
      key={`${name} ${shown.live.filter.sort} ${text}`}
      handle={keep}
      label={title}
      items={shown.live.items}
      keyOf={keyOf}
      rowHeight={HEIGHT}
      row={draw}
      selected={selected}
      holdsOrder
      onSelect={(keys) => console.toggle(keys.map(Number))}
      onOpen={(row) => openChat(row.id)}
      onEnd={() => void shown.pages.more()}
      empty={<Empty />}
    />
  );
}

const EMPTY: Partial<Record<ListName, PlainKey>> = { mine: "emptyMine", unassigned: "emptyUnassigned", pending: "emptyPending", closed: "emptyClosed", search: "emptySearch" };

function Empty() {
  const { desk, searchText } = useConsole();
  const name = currentList();
  if (desk.list.value?.pages.first.value === "failed") return <p>{t("listFailed")}</p>;
  if (name === "search" && searchText.value.trim() === "") return <p>{t("searchWhat")}</p>;
  return <p>{t(EMPTY[name] ?? "emptyOpen")}</p>;
}

/** The shapes of rows, after 200 ms. */
const Waiting = () => (
  <div class="lists-wait" aria-busy="true">
    {[70, 45, 60, 50].map((width) => (
      <div key={width}>
        <Skeleton shape="circle" height="32px" />
        <Skeleton width={`${width}%`} />
        <Skeleton width="90%" />
      </div>
    ))}
  </div>
);

/** Stands in for the SDK: one fixed state for each site's key, for pictures and for tests of views. */
import type { ConversationView, MessageView, SiteConfig, Tick, Visitor, VisitorOptions, VisitorSnapshot } from "../../sdk/src/visitor/api.ts";

const NOW = Date.now();
const ago = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString();
const olivia = { id: 3, name: "Olivia Park" };
let nextSeq = 1;

function said(body: string, minutes: number, tick: Tick | null = null, extra: Partial<MessageView> = {}): MessageView {
  const seq = tick === "queued" || tick === "failed" ? null : nextSeq++;
  const mine = tick !== null;
  return {
    key: seq === null ? `k${body.length}${minutes}` : `m${seq}`,
    id: seq,
    seq,
    mine,
    sender: mine ? { type: "client", id: 9, name: null } : { type: "operator", ...olivia },
    body,
    at: ago(minutes),
    tick,
    error: tick === "failed" ? { code: "rate_limited", message: "Too many messages" } : null,
    isDeleted: false,
    editedAt: null,
    ...extra,
  };
}

function conversation(messages: MessageView[], extra: Partial<ConversationView> = {}): ConversationView {
  return {
    id: 42,
    status: "open",
    assignee: olivia,
    createdAt: messages[0]?.at ?? ago(1),
    messages,
    hasOlder: false,
    loadingOlder: false,
    typing: [],
    unread: 0,
    lastMessage: messages.at(-1) ?? null,
    unreadFrom: null,
    ...extra,
  };
}

const talk = (): MessageView[] => [
  said("Hi! I ordered a lamp last week (order #10482) and it has not arrived yet.", 1472, "read"),
  said("Could you have a look?", 1471, "read"),
  said("Hello Ana! Of course, one moment please.", 1468),
  said("It left our warehouse on Friday. You can follow it here:\nhttps://track.example/p/JD0146000038", 1465),
  said("Thank you 🙏", 1460, "read"),
  said("👍", 1459),
  said("It came this morning, but the shade is broken. Can I get a new one?", 14, "read"),
  said("I am sorry to hear that! Yes, we will send a new shade today, free of charge. Please write to parts@lamps.example with a picture, or call +49 30 1234567.", 9),
  said("Is the address still Lindenstraße 12?", 8),
  said("Yes, it is", 2, "delivered"),
];

const arabic = (): MessageView[] => [
  said("مرحباً، طلبت مصباحاً الأسبوع الماضي ولم يصل بعد.", 30, "read"),
  said("أهلاً! لحظة من فضلك، سأتحقق من الطلب رقم 10482.", 26),
  said("غادر المستودع يوم الجمعة:\nhttps://track.example/p/JD0146000038", 25),
  said("شكراً جزيلاً", 3, "delivered"),
];

const many = (): MessageView[] =>
  Array.from({ length: 60 }, (_, i) => said(`Message number ${i + 1}`, 200 - i * 3, i % 3 === 0 ? "read" : null));

const AWAY = "We are back at nine. Until then you find answers to most questions about lamps, shades and bulbs at lamps.example/help, and we read what you leave here first thing in the morning.";

interface Made {
  site?: Partial<SiteConfig>;
  snapshot?: Partial<VisitorSnapshot>;
  conversations?: ConversationView[];
  /** What a signed visitor has on other devices. */
  ofPerson?: ConversationView[];
}

const UNREAD = (): Made => ({ conversations: [conversation([...talk().slice(0, 7), said("I am sorry to hear that!", 4), said("We will send a new one today.", 3), said("Is that all right?", 3)], { unread: 3, unreadFrom: 7 })], snapshot: { unread: 3 } });

const STATES: Record<string, () => Made> = {
  empty: () => ({}),
  talk: () => ({ conversations: [conversation(talk())] }),
  unread: UNREAD,
  unreadoffline: () => ({ ...UNREAD(), snapshot: { unread: 3, connection: { state: "connecting", transport: null, downSince: NOW, retryAt: null, closed: null } } }),
  old: () => ({ conversations: [conversation([said("Is it still broken?", 2 * 1440)], { unread: 1 })], snapshot: { unread: 1 } }),
  newdevice: () => ({ ofPerson: [conversation([said("Is it still broken?", 5), said("Ana?", 4)], { unread: 2 })] }),
  typing: () => ({ conversations: [conversation(talk().slice(0, 7), { typing: [olivia] })] }),
  failed: () => ({ conversations: [conversation([...talk().slice(0, 4), said("This one did not go out", 1, "failed"), said("And this one waits", 0, "queued")])] }),
  offline: () => ({
    conversations: [conversation([...talk(), said("Are you there?", 0, "queued"), said("I will wait", 0, "queued", { key: "k2" })])],
    snapshot: { connection: { state: "waiting", transport: null, downSince: NOW - 8_000, retryAt: NOW + 4_000, closed: null } },
  }),
  prechat: () => ({ site: { prechat: { name: "required", email: "optional" } } }),
  asked: () => ({ site: { prechat: { name: "required", email: "required" } } }),
  signed: () => ({ site: { identity: "required", prechat: { name: "required", email: "required" } } }),
  signedtalk: () => ({ site: { identity: "required" }, conversations: [conversation(talk())] }),
  away: () => ({ site: { is_online: false, operators: [] } }),
  awaytalk: () => ({ site: { is_online: false, operators: [] }, conversations: [conversation([said("Is anybody there?", 1, "sent")], { assignee: null })] }),
  awaytext: () => ({ site: { is_online: false, operators: [], texts: { en: { away: AWAY } } } }),
  awaytalktext: () => ({ site: { is_online: false, operators: [], texts: { en: { away: AWAY } } }, conversations: [conversation(talk(), { assignee: null })] }),
  closed: () => ({ conversations: [conversation(talk(), { status: "closed" })] }),
  list: () => ({
    conversations: [
      conversation(talk(), { unread: 2 }),
      conversation([said("The invoice is attached to the mail of Monday.", 6000)], { id: 31, assignee: { id: 4, name: "Tomás Ruiz" } }),
      conversation([said("Thanks a lot, that helps!", 30000, "read")], { id: 12, assignee: null, status: "closed" }),
      conversation([said("It leaves on Monday.", 40_000, null, { sender: { type: "operator", id: 4, name: "Tomás Ruiz" } }), said("Thank you!", 39_990, "read")], { id: 7, assignee: null }),
    ],
  }),
  loading: () => ({ conversations: [conversation([], { loadingOlder: true })], snapshot: { connection: { state: "connecting", transport: null, downSince: NOW, retryAt: null, closed: null } } }),
  long: () => ({ conversations: [conversation(many(), { hasOlder: true })] }),
  hostile: () => ({
    conversations: [
      conversation([
        said('<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>', 9),
        said("javascript:alert(1) data:text/html,x <a href='javascript:window.hacked=1'>click</a> https://good.example/a_(b)?c=1&d=\"2", 8),
        said("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(4), 7, "read"),
        said("👩‍👩‍👧‍👦🏳️‍🌈", 6, "read"),
        said("שלום עולם hello", 5),
        said("a\n\n\nb", 4, "read", { isDeleted: true }),
      ], { assignee: { id: 5, name: "<b>Bob</b> ".repeat(900) } }),
    ],
  }),
  arabic: () => ({ conversations: [conversation(arabic(), { assignee: { id: 3, name: "ليلى حداد" } })], site: { name: "متجر المصابيح" } }),
  arabicunread: () => ({ conversations: [conversation([...arabic(), said("تم شحن المصباح الجديد صباح اليوم، وسيصل يوم الإثنين قبل الظهر.", 1)], { unread: 2, assignee: { id: 3, name: "ليلى حداد" } })], snapshot: { unread: 2 } }),
  hostileunread: () => ({
    conversations: [conversation([said(`<img src=x onerror="window.hacked=1">\n\n${"Donaudampfschiff".repeat(30)}`, 1, null, { sender: { type: "operator", id: 5, name: "<b>Bob</b> ".repeat(900) } })], { unread: 120 })],
    snapshot: { unread: 120 },
  }),
  blocked: () => ({ snapshot: { problem: { code: "forbidden", message: "origin" } } }),
};

interface Missed { to?: number; by?: string; minutes?: number; isLive?: boolean }

export function visitor(options: VisitorOptions): Visitor {
  const made = (STATES[options.site.split("-")[0] ?? ""] ?? STATES["empty"])?.() ?? {};
  const site: SiteConfig = {
    key: options.site,
    name: "Lamp Shop",
    color: `#${options.site.split("-")[1] ?? "1f6feb"}`,
    position: "right",
    languages: [],
    texts: {},
    prechat: { name: "off", email: "off" },
    identity: "optional",
    is_online: true,
    operators: [{ name: "Olivia Park" }, { name: "Tomás Ruiz" }],
    ...made.site,
  };
  let state: VisitorSnapshot = {
    connection: { state: made.conversations ? "live" : "idle", transport: null, downSince: null, retryAt: null, closed: null },
    site,
    conversations: made.conversations ?? [],
    currentId: null,
    unread: 0,
    opening: false,
    problem: null,
    isLeader: true,
    ...made.snapshot,
  };
  const listeners = new Set<() => void>();
  const heard = new Set<(message: MessageView, conversationId: number) => void>();
  // Told a moment later, as the SDK does it.
  const change = (next: Partial<VisitorSnapshot>) => {
    state = { ...state, ...next };
    queueMicrotask(() => listeners.forEach((listener) => listener()));
  };
  const inCurrent = (messages: (old: readonly MessageView[]) => readonly MessageView[], extra: Partial<ConversationView> = {}) => {
    const found = state.conversations.find(({ id }) => id === state.currentId) ?? conversation([], { id: 0, assignee: null });
    const next = { ...found, ...extra, messages: messages(found.messages) };
    change({ conversations: [next, ...state.conversations.filter(({ id }) => id !== next.id)], currentId: next.id, unread: next.unread });
  };
  const calls: unknown[][] = [];
  const note = (...call: unknown[]) => void calls.push(call);
  Object.assign(window, {
    stub: {
      calls,
      snapshot: () => state,
      receive(body: string) {
        const message = said(body, 0);
        inCurrent((old) => [...old, message]);
        for (const listener of heard) listener(message, 42);
      },
      /** An answer that comes while nobody looks: by default now, and to the newest conversation. */
      miss(body: string, { to = state.conversations[0]?.id ?? 42, by = olivia.name, minutes = 0, isLive = true }: Missed = {}) {
        const message = said(body, minutes, null, { sender: { type: "operator", id: 3, name: by } });
        const add = (one: ConversationView): ConversationView => (one.id === to ? { ...one, messages: [...one.messages, message], lastMessage: message, unread: one.unread + 1 } : one);
        change({ conversations: state.conversations.map(add), unread: state.unread + 1 });
        if (isLive) for (const listener of heard) listener(message, to);
      },
      /** The session of what was written first is there. */
      opened() {
        const sent = (message: MessageView): MessageView => ({ ...message, tick: "sent" });
        change({ conversations: state.conversations.map((one) => (one.id === 0 ? { ...one, id: 42, messages: one.messages.map(sent) } : one)), currentId: 42 });
      },
      online: (isOnline = true) => change({ site: { ...site, is_online: isOnline } }),
      /** The server refuses what the visitor has typed there, and opens no session. */
      refuse(field: string) {
        const failed = ({ messages, ...rest }: ConversationView): ConversationView => ({ ...rest, messages: messages.map((message) => ({ ...message, tick: "failed" })) });
        change({ conversations: state.conversations.map(failed), problem: { code: "invalid", message: field, field } });
      },
      older: (count: number) => inCurrent((old) => [...Array.from({ length: count }, (_, i) => said(`Older ${i + 1}`, 4000 - i, null, { seq: 0 - count + i, key: `old${i}` })), ...old], { hasOlder: false }),
      change,
    },
  });
  return {
    snapshot: () => state,
    subscribe: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
    onMessage: (listener) => (heard.add(listener), () => heard.delete(listener)),
    loadSite: async () => site,
    start: () => note("start"),
    select: (currentId) => change({ currentId }),
    look: () => undefined,
    send(body) {
      note("send", body);
      inCurrent((old) => [...old, said(body, 0, "queued", { key: `own${old.length}` })]);
    },
    retry: (key) => note("retry", key),
    discard(key) {
      inCurrent((old) => old.filter((message) => message.key !== key));
      change({ conversations: state.conversations.filter(({ id, messages }) => id !== 0 || messages.length > 0) });
    },
    typing: (isTyping) => note("typing", isTyping),
    read: () => (note("read"), inCurrent((old) => old, { unread: 0 })),
    loadOlder: async () => note("loadOlder"),
    loadConversations: async () => note("loadConversations"),
    setProfile: async (...given) => note("setProfile", ...given),
    async identify(identity) {
      note("identify", identity);
      const { ofPerson } = made;
      if (identity && ofPerson) change({ conversations: ofPerson, unread: ofPerson.reduce((sum, { unread }) => sum + unread, 0), connection: { ...state.connection, state: "live" } });
    },
    page: (url, title) => note("page", url, title),
    forget: () => note("forget"),
    destroy: () => note("destroy"),
  };
}

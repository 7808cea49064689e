// The SDK's parts, by folder:
//
//   visitor/      the chat of a visitor: `visitor()`        member/       the chats of operators and users: `member()`
//   connection/   the state machine and what drives it      transport/    WebSocket, server-sent events, long polling
//   store/        chats and their reducer, marks            outbox/       what is not sent yet
//   tabs/         one leader among the tabs of a browser    protocol/     frames, close codes, errors, REST's types
export type * from "./visitor/api.ts";
export type { ChatView, ContactCard, Facts, KeptChat, ListedSession, MemberClient, MemberMessage, MemberOptions, MemberSnapshot } from "./member/api.ts";
export type { components, paths } from "./protocol/api.d.ts";
export type { Activity, Mark, Message, Session, SessionPage, SessionView, Visibility, Workspace } from "./protocol/schemas.ts";
export type { ServerFrame } from "./protocol/frames.ts";
export { ApiError, asApiError, isPassing } from "./protocol/api_error.ts";
export { type Call, http, query } from "./rest/http.ts";
export { member } from "./member/member.ts";
export { visitor } from "./visitor/visitor.ts";

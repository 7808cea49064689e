// The SDK's parts, by folder:
//
//   visitor/      the chat of a visitor: `visitor()`        member/       the chats of operators and users: `member()`
//   connection/   the state machine and what drives it      transport/    WebSocket, server-sent events, long polling
//   store/        chats and their reducer, marks            outbox/       what is not sent yet
//   tabs/         one leader among the tabs of a browser    protocol/     frames, close codes, errors, REST's types
export type * from "./visitor/api.ts";
export type { ChatView, MemberClient, MemberOptions, MemberSnapshot } from "./member/api.ts";
export type { Mark, Message, Session, SessionPage, Visibility } from "./protocol/schemas.ts";
export type { ServerFrame } from "./protocol/frames.ts";
export { ApiError } from "./protocol/api_error.ts";
export { member } from "./member/member.ts";
export { visitor } from "./visitor/visitor.ts";

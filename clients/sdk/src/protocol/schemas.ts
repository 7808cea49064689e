// Short names for the schemas of the OpenAPI document.
import type { components } from "./api.d.ts";

type Schemas = components["schemas"];
export type Message = Schemas["Message"];
export type MessagePage = Schemas["Messages"];
export type Mark = Schemas["Mark"];
export type MarkKind = Schemas["MarkKind"];
export type Session = Schemas["Session"];
export type SessionView = Schemas["SessionView"];
export type SessionPage = Schemas["Sessions"];
export type Member = Schemas["Member"];
export type Activity = Schemas["Activity"];
export type ChatKind = Schemas["ChatKind"];
export type ChatPage = Schemas["Chats"];
export type Changes = Schemas["Changes"];
export type ChannelToken = Schemas["ChannelToken"];
export type OpenedSession = Schemas["OpenedSession"];
export type Visibility = Schemas["Visibility"];
export type ErrorCode = Schemas["ErrorCode"];
export type Workspace = Schemas["Workspace"];
/** A session of this browser or person, with a token for it. */
export type OwnSession = Schemas["OwnSession"];
export type OwnSessions = Schemas["OwnSessions"];

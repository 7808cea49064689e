//! The lock of a chat, and the seq that a change takes under it.

/// Locks a chat's row: until the transaction ends, nothing durable changes in it.
pub(crate) async fn lock(conn: &mut AsyncPgConnection, chat: ChatId) -> Result<ChatKind, Error> {
    let kind: Option<Stored<ChatKind>> =
        chats::table.find(chat.0).select(chats::kind).for_update().first(conn).await.optional()?;
    kind.map(|kind| kind.0).ok_or_else(|| Error::not_found("there is no such chat"))
}

statement! {
    /// Takes the next seq of a locked chat for a change of its state.
    RaiseState {
        chat_id: i64 as BigInt,
    } -> BigInt =
        "UPDATE chats SET seq = seq + 1, state_seq = seq + 1, changed_at = now() WHERE id = $chat_id RETURNING seq";
}

/// Takes the next seq of a locked chat for a change of the chat itself, its session or its members.
pub(crate) async fn raise_state(conn: &mut AsyncPgConnection, chat: ChatId) -> Result<Seq, Error> {
    Ok(Seq(RaiseState { chat_id: chat.0 }.get_result(conn).await?))
}

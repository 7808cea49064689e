//! Making a chat that is not a session, with its first members.

use chat_events::{ChatId, ChatKind, UserId};
use diesel::prelude::ExpressionMethods;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;

use super::members::{self, MemberChange};
use crate::changes::{By, ChatChanges};
use crate::db::schema::chats;
use crate::error::Error;

/// Makes a chat. The first of the users is its admin.
pub(crate) async fn create(
    changes: &ChatChanges,
    kind: ChatKind,
    title: Option<String>,
    users: Vec<UserId>,
) -> Result<ChatId, Error> {
    let create = changes.change_all(vec![], By::System, move |change| {
        async move {
            let id: i64 = diesel::insert_into(chats::table)
                .values((chats::kind.eq(kind.as_str()), chats::title.eq(title)))
                .returning(chats::id)
                .get_result(change.conn())
                .await?;
            change.made(ChatId(id), kind, None);
            for (index, user) in users.into_iter().enumerate() {
                members::apply(change, ChatId(id), user, MemberChange::Add { is_admin: index == 0 }).await?;
            }
            Ok(ChatId(id))
        }
        .boxed()
    });
    create.await
}

//! Whether operators take sessions: what is stored of it, what is shown, and what others were told last.

use chat_events::operator::{Availability, OperatorState};
use chat_events::{ChatId, ChatKind, Scope, Signal, SignalData, UserId, Visibility};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::access::rules::scope_sites;
use crate::db::stored::Stored;
use crate::error::Error;
use statement::statement;

/// What is shown of an operator `o`: whether a gateway holds a connection of it counts before what is stored.
macro_rules! shown {
    () => {
        "CASE WHEN EXISTS (SELECT FROM operator_leases l WHERE l.user_id = o.user_id AND l.lease_until > now())
            THEN o.availability ELSE 'off' END"
    };
}

statement! {
    /// Operators of whom others know something else than is so, at most so many: from now on they know. Of all, or one.
    TakeNews {
        user_id: Option<i64> as Nullable<BigInt>,
        count: i64 as BigInt,
    } -> (BigInt, Text, Text, Bool, Timestamptz, Nullable<Array<BigInt>>) = concat!(
        "WITH news AS MATERIALIZED (
            SELECT o.user_id, ", shown!(), " AS shown FROM operator_states o
            WHERE ($user_id IS NULL OR o.user_id = $user_id)
                AND (", shown!(), " <> o.told OR o.by_hand <> o.told_by_hand)
            ORDER BY o.user_id LIMIT $count FOR UPDATE OF o
        ), told AS (
            UPDATE operator_states o SET told = news.shown, told_by_hand = o.by_hand, changed_at = now()
            FROM news WHERE news.user_id = o.user_id
            RETURNING o.user_id, o.told, o.by_hand, o.changed_at
        )
        SELECT u.id, u.name, told.told, told.by_hand, told.changed_at, ", scope_sites!("u.id"), "
        FROM told JOIN users u ON u.id = told.user_id ORDER BY u.id"
    );
}

type News = (i64, String, Stored<Availability>, bool, DateTime<Utc>, Option<Vec<i64>>);

/// The signals for what others do not know yet, of all operators or of one. They are to be sent once this is committed; sent
/// before, they may come twice.
pub(super) async fn take_news(
    conn: &mut AsyncPgConnection,
    user: Option<UserId>,
    count: i64,
) -> Result<Vec<Signal>, Error> {
    let news: Vec<News> = TakeNews { user_id: user.map(|user| user.0), count }.load(conn).await?;
    Ok(news.into_iter().map(signal).collect())
}

fn signal((user, name, availability, by_hand, since, sites): News) -> Signal {
    let state = OperatorState { user_id: UserId(user), name, availability: availability.0, by_hand, since };
    Signal {
        id: Uuid::new_v4(),
        chat_id: ChatId(0),
        chat_kind: ChatKind::Session,
        site_id: None,
        visibility: Visibility::Staff,
        origin: None,
        data: SignalData::Operator { state, scope: Scope::of_sites(sites) },
    }
}

statement! {
    /// What an operator, or its console for it, says. An operator that is away by its own word stays so until it says otherwise.
    SetAvailability<'a> {
        user_id: i64 as BigInt,
        availability: &'a str as Text,
        by_hand: bool as Bool,
    } -> BigInt =
        "INSERT INTO operator_states AS o (user_id, availability, by_hand) VALUES ($user_id, $availability, $by_hand)
         ON CONFLICT (user_id) DO UPDATE SET availability = EXCLUDED.availability, by_hand = EXCLUDED.by_hand
            WHERE EXCLUDED.by_hand OR NOT (o.by_hand AND o.availability = 'away')
         RETURNING o.user_id";
}

/// Stores it.
pub(super) async fn set(
    conn: &mut AsyncPgConnection,
    user: UserId,
    availability: Availability,
    by_hand: bool,
) -> Result<(), Error> {
    let set = SetAvailability { user_id: user.0, availability: availability.as_str(), by_hand };
    let _changed: Vec<i64> = set.load(conn).await?;
    Ok(())
}

pub(super) use shown;

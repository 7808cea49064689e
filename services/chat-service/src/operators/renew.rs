//! A gateway says which operators it holds.

use chat_events::gateway_api::{MAX_OPERATORS, OperatorsRequest};
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use statement::statement;

use crate::error::Error;

/// The longest name of a gateway.
const MAX_NAME: usize = 64;

statement! {
    /// The leases of one gateway: those of its operators hold for a minute from now, and its others are over. An operator whose console
    /// had called it away, and that nobody held any more, takes sessions again. Leases of gateways that died
    /// are cleared away an hour later, by whoever comes first.
    Renew<'a> {
        gateway: &'a str as Text,
        here: &'a [i64] as Array<BigInt>,
    } -> (BigInt,) =
        "WITH gone AS (
            DELETE FROM operator_leases WHERE gateway = $gateway AND NOT user_id = ANY($here)
        ), dead AS (
            DELETE FROM operator_leases l USING (
                SELECT d.user_id, d.gateway FROM operator_leases d
                WHERE d.lease_until < now() - interval '1 hour' AND d.gateway <> $gateway
                LIMIT 1000 FOR UPDATE SKIP LOCKED) o
            WHERE l.user_id = o.user_id AND l.gateway = o.gateway
        ), renewed AS (
            INSERT INTO operator_leases AS l (user_id, gateway, lease_until)
            SELECT u.id, $gateway, now() + interval '60 seconds' FROM users u WHERE u.id = ANY($here)
            ON CONFLICT (user_id, gateway) DO UPDATE SET lease_until = EXCLUDED.lease_until
            RETURNING l.user_id
        ), seen AS (
            INSERT INTO operator_states AS o (user_id, last_seen_at)
            SELECT u.id, now() FROM users u WHERE u.id = ANY($here) ORDER BY u.id
            ON CONFLICT (user_id) DO UPDATE SET last_seen_at = now(), availability = CASE
                WHEN o.by_hand OR EXISTS (
                    SELECT FROM operator_leases l WHERE l.user_id = o.user_id AND l.lease_until > now()) THEN o.availability
                ELSE 'online' END
        )
        SELECT count(*) FROM renewed";
}

/// Takes what a gateway says. To say it twice, or late, changes nothing but the time.
pub(crate) async fn renew(conn: &mut AsyncPgConnection, request: &OperatorsRequest) -> Result<(), Error> {
    let OperatorsRequest { gateway, here } = request;
    if here.len() > MAX_OPERATORS {
        return Err(Error::invalid("here", format!("there are more than {MAX_OPERATORS} operators")));
    }
    if gateway.is_empty() || gateway.len() > MAX_NAME || gateway.contains('\0') {
        return Err(Error::invalid("gateway", "gateway is a name of at most 64 bytes"));
    }
    let here: Vec<i64> = here.iter().map(|user| user.0).collect();
    let _renewed: (i64,) = Renew { gateway, here: &here }.get_result(conn).await?;
    Ok(())
}

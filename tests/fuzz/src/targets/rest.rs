//! What REST reads: bodies, queries and paths.

use chat_service::queries::{Page, RouteQuery};
use chat_service::{bodies, queries};

use super::{Verdict, ensure, lines, of_the_client};

/// Every route's body: read, or refused as the client's fault. The names of the bodies are tried in turn.
pub(super) fn body(bytes: &[u8]) -> Verdict {
    for body in bodies::ALL {
        if let Err(error) = body.read(bytes) {
            of_the_client(&error).map_err(|why| format!("{body:?}: {why}"))?;
        }
    }
    Ok(())
}

pub(super) fn good_bodies() -> Vec<Vec<u8>> {
    lines(&[
        r#"{"name":"Ada","email":"ada@example.com","page_url":"https://example.com/","locale":"en-GB","metadata":{"plan":["pro",{"a":1}]}}"#,
        r#"{"body":"Hello","client_id":"0190f5a2-7c1e-7c3a-9d55-2f1f3c5d7e90","visibility":"staff"}"#,
        r#"{"kind":"read","last_id":1}"#,
        r#"{"type":"page","url":"https://example.com/","title":"Cart"}"#,
        r#"{"user_id":7.0}"#,
        r#"{"user_id":null}"#,
        r#"{"user_id":7,"if_assignee":null}"#,
        r#"{"can_read":false,"can_write":true}"#,
        r#"{"status":"pending"}"#,
        r#"{"cursors":{"1":17,"4":3},"new_after":null}"#,
        r#"{"email":"demo@example.com","password":"correct horse"}"#,
        r#"{"refresh_token":"abc","all":true}"#,
        r#"{"type":"viewing","is_viewing":true}"#,
        r#"{"email":"a@example.com","name":"A","role":"operator","sites":["shop"]}"#,
        r#"{"token":"abc","name":"A","email":"a@example.com","password":"correct horse"}"#,
        r#"{"name":"A","role":"admin","sites":null,"is_active":false}"#,
        r#"{"old":"correct horse","new":"battery staple"}"#,
        r#"{"availability":"away","by_hand":true}"#,
    ])
}

/// Every route's query: read as it says, or refused as the client's fault.
pub(super) fn query(bytes: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(bytes);
    for query in queries::ALL {
        match query.read(&text) {
            Ok(page) => {
                let fits = (1..=200).contains(&page.limit) && page.from.is_none_or(|from| from >= 0);
                ensure(fits && agrees(query, &text, page), || format!("{query:?} was read as {page:?}"))?;
            }
            Err(error) => of_the_client(&error).map_err(|why| format!("{query:?}: {why}"))?,
        }
    }
    Ok(())
}

/// Whether another reading of the query, which knows nothing of escapes, finds the same numbers. A query with escapes is
/// passed over.
fn agrees(query: RouteQuery, text: &str, page: Page) -> bool {
    if text.contains(['%', '+']) {
        return true;
    }
    let number = |name: &str| {
        let value = text.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|digits| digits.parse::<i64>().ok())
    };
    let from = match query {
        RouteQuery::Messages => number("after_seq").or(number("after_id")).or(number("before_id")),
        RouteQuery::Activity => number("after_seq"),
        RouteQuery::Sessions | RouteQuery::Chats => None,
    };
    i64::from(page.limit) == number("limit").unwrap_or(50) && page.from == from
}

pub(super) fn good_queries() -> Vec<Vec<u8>> {
    lines(&[
        "",
        "limit=200",
        "after_seq=0&limit=1",
        "cursor=1795859122000000.1795859121000000.42&limit=7",
        "cursor=1795859122000000.42",
        "after_id=17",
        "before_id=9223372036854775807&limit=50",
        "status=open&assignee=me&limit=7&cursor=12",
        "status=closed&assignee=none",
        "status=open,pending&site=default&q=ada&sort=waiting&cursor=w1795859122000000.1795859121000000.42",
        "sort=recent&cursor=r1795859122000000.42&q=%2342",
        "assignee=4%32&cursor=1",
    ])
}

/// A path with two ids: both as they stand there, or refused as the client's fault.
pub(super) fn path(bytes: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(bytes);
    match queries::member_path(&text) {
        None => Ok(()),
        Some(Err(error)) => of_the_client(&error),
        Some(Ok(ids)) => {
            let path = text.split(['?', '#']).next().unwrap_or_default();
            let digits: Vec<&str> = path.split('/').skip(2).step_by(2).collect();
            let written = digits.iter().map(|digits| digits.parse::<i64>().ok()).collect::<Option<Vec<_>>>();
            // Escaped digits are digits.
            let is_as_written = path.contains('%') || written.as_deref() == Some(&[ids.0, ids.1]);
            ensure(is_as_written, || format!("it was read as {ids:?}"))
        }
    }
}

pub(super) fn good_paths() -> Vec<Vec<u8>> {
    lines(&["/chats/7/members/12", "/chats/-1/members/9223372036854775807", "/chats/7/members/%31?after=3", "/chats/7"])
}

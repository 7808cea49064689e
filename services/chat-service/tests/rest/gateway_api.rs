//! What gateways ask.

use chat_events::ErrorCode;
use chat_events::gateway_api::{
    Accounts, Chats, Clients, ConnectResult, ConnectSnapshot, MAX_ACCOUNTS, MAX_LISTED, MAX_MEMBERSHIPS, MAX_OPERATORS,
    Membership, SyncPage, Tops,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::service::{Service, code, messages};

fn client(session: i64) -> Value {
    json!({"type": "client", "session_id": session})
}

fn up_to(principal: &Value, chat: i64, last: &Value) -> Value {
    json!({"principal": principal, "chat_id": chat, "last_id": last["id"]})
}

#[tokio::test]
async fn only_the_internal_secret_opens_the_internal_routes() {
    let service = Service::start().await;
    let (_, operator) = service.operator().await;
    let body = json!({"chats": []});
    for token in [operator.as_str(), "", "an internal secret of more than 32 characterz"] {
        assert_eq!(service.post("/internal/tops", token, body.clone()).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        service.call(Method::POST, "/internal/tops", None, Some(body.clone())).await.0,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(service.ask("tops", body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_connection_learns_who_it_is_and_where_its_chats_stand() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (id, _) = service.operator().await;
    let created = service.installation.accounts().group(Some("Team"), &[id]).await;
    let (_, clients) = service.ask("clients", json!({"session_ids": [visitor.session, 999_999]})).await;
    let clients: Clients = serde_json::from_value(clients).expect("clients");
    let [client] = &clients.clients[..] else { panic!("one client, not {clients:?}") };
    assert_eq!((client.name.as_deref(), client.is_banned), (Some("Ada"), false));
    assert_eq!((client.chat.chat_id.0, client.chat.seq.0), (visitor.session, 1));
    let staff = service.admission(json!({"principal": {"type": "staff", "user_id": id}})).await.expect("an operator");
    assert!(matches!(staff.chats, Chats::Unlisted));
    let user = service.admission(json!({"principal": {"type": "user", "user_id": id}})).await.expect("a user");
    let Chats::Page(page) = user.chats else { panic!("no page of chats") };
    let chat = &page.chats[0].chat;
    assert_eq!((user.self_id, chat.title.as_deref(), page.has_more), (id, Some("Team"), false));
    assert_eq!(created, chat.chat_id.0);
}

#[tokio::test]
async fn of_many_accounts_each_is_told_its_own_and_a_refusal_is_for_one_alone() {
    let service = Service::start().await;
    let (operator, _) = service.operator().await;
    let (first, _) = service.account("first@example.com", "user").await;
    let (second, _) = service.account("second@example.com", "user").await;
    let shared = service.group(&[first, second]).await;
    let own = service.group(&[second]).await;
    let asked =
        [("user", second), ("staff", first), ("user", 999), ("user", first), ("staff", operator), ("user", second)];
    let connects = asked.map(|(kind, id)| json!({"principal": {"type": kind, "user_id": id}}));
    let (status, answer) = service.ask("accounts", json!({"connects": connects})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let answer: Accounts = serde_json::from_value(answer).expect("accounts");
    let told = answer.admissions.into_iter().map(|admission| match admission {
        ConnectResult::Admitted(ConnectSnapshot { self_id, chats: Chats::Page(page), .. }) => {
            Ok((self_id, page.chats.into_iter().map(|listed| listed.chat.chat_id.0).collect()))
        }
        ConnectResult::Admitted(ConnectSnapshot { self_id, .. }) => Ok((self_id, vec![])),
        ConnectResult::Refused(error) => Err(error.code),
    });
    // The one that changed last comes first.
    let of_second = (second, vec![own, shared]);
    let expected: [Result<(i64, Vec<i64>), ErrorCode>; 6] = [
        Ok(of_second.clone()),
        Err(ErrorCode::Forbidden),
        Err(ErrorCode::Forbidden),
        Ok((first, vec![shared])),
        Ok((operator, vec![])),
        Ok(of_second),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let client = json!({"connects": [{"principal": client(1)}]});
    assert_eq!(service.ask("accounts", client).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let many = json!({"connects": vec![&connects[0]; MAX_ACCOUNTS + 1]});
    assert_eq!(service.ask("accounts", many).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_message_over_a_socket_obeys_the_same_rules() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let send = |session: i64, body: &str| json!({"principal": client(visitor.session), "chat_id": session, "body": body, "client_id": Uuid::new_v4()});
    let (status, sent) = service.command("message", send(visitor.session, "hello")).await;
    assert_eq!((status, &sent["sender_type"], &sent["seq"]), (StatusCode::OK, &json!("client"), &json!(2)));
    assert_eq!(code(&service.command("message", send(visitor.session, " ")).await.1), "invalid");
    assert_eq!(code(&service.command("message", send(visitor.session + 1, "hello")).await.1), "forbidden");
}

#[tokio::test]
async fn marks_only_rise_and_history_tells_them() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (id, operator) = service.operator().await;
    let staff = json!({"type": "staff", "user_id": id});
    let (_, asked) = service.say(visitor.session, &visitor.token, "asked").await;
    let (_, answered) = service.say(visitor.session, &operator, "answered").await;
    let raise = async |principal: &Value, kind: &str, last: &Value| {
        let (status, answer) = service.command(kind, up_to(principal, visitor.session, last)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(answer, "mark");
    };
    raise(&staff, "read", &answered).await;
    raise(&staff, "read", &asked).await;
    raise(&client(visitor.session), "ack", &answered).await;
    let (_, page) = service.get(&messages(visitor.session), &visitor.token).await;
    assert!(page["messages"][0].get("read_at").is_none(), "a message does not say who read it: {page}");
    let marks = page["marks"].as_array().expect("marks").iter();
    let marks: Vec<_> = marks.map(|mark| (&mark["reader_type"], &mark["delivered_seq"], &mark["read_seq"])).collect();
    let (client_mark, staff_mark) = ((&json!("client"), &json!(3), &json!(0)), (&json!("user"), &json!(3), &json!(3)));
    assert_eq!(marks, [client_mark, staff_mark], "a mark never falls");
    let (_, changes) = service.get(&format!("{}?after_seq=0", messages(visitor.session)), &operator).await;
    assert_eq!(changes["marks"], page["marks"], "both see both");
    let (_, session) = service.get(&format!("/chat/session/{}", visitor.session), &visitor.token).await;
    assert_eq!(session["unread_counts"], json!({"client": 1, "operator": 0}));
    assert_eq!(
        (session["marks"].as_array().expect("marks").len(), &session["seq"]),
        (2, &json!(3)),
        "marks take no seq"
    );
    let other = service.visitor().await;
    let elsewhere = service.command("read", up_to(&client(other.session), other.session, &asked)).await;
    assert_eq!(code(&elsewhere.1), "not_found", "a message of another chat");
}

#[tokio::test]
async fn marks_of_many_readers_at_once_block_nobody() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (id, operator) = service.operator().await;
    let staff = json!({"type": "staff", "user_id": id});
    let mut sent = vec![];
    for n in 0..20 {
        let token = if n % 2 == 0 { &visitor.token } else { &operator };
        sent.push(service.say(visitor.session, token, "x").await.1);
    }
    let marks = sent
        .iter()
        .flat_map(|last| [&staff, &client(visitor.session)].map(|principal| up_to(principal, visitor.session, last)));
    let answers = futures_util::future::join_all(marks.map(|mark| service.command("read", mark))).await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK), "{answers:?}");
    let (_, page) = service.get(&messages(visitor.session), &visitor.token).await;
    let (marks, top) = (page["marks"].as_array().expect("marks"), &page["seq"]);
    assert_eq!(marks.len(), 2);
    assert!(marks.iter().all(|mark| mark["read_seq"] == *top && mark["delivered_seq"] == *top), "{marks:?}");
}

#[tokio::test]
async fn tops_tell_of_the_chats_asked_for_and_of_sessions_that_changed_lately() {
    let service = Service::start().await;
    let (old, new) = (service.visitor().await, service.visitor().await);
    let age = format!("UPDATE chats SET changed_at = now() - interval '1 hour' WHERE id = {}", old.session);
    service.installation.database.run_sql(&age).await;
    let tops = async |chats: Value, seconds: u32| {
        let (_, answer) = service.ask("tops", json!({"chats": chats, "sessions_changed_within": seconds})).await;
        let tops: Tops = serde_json::from_value(answer).expect("tops");
        tops.tops.iter().map(|top| (top.chat_id.0, top.seq.0)).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(tops(json!([old.session, 999]), 0).await, [(old.session, 1)].into());
    assert_eq!(tops(json!([]), 30).await, [(new.session, 1)].into());
    service.say(old.session, &old.token, "I am back").await;
    assert_eq!(tops(json!([]), 30).await, [(old.session, 2), (new.session, 1)].into());
}

#[tokio::test]
async fn tops_of_a_session_say_where_the_news_begin() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    for body in ["first", "second", "third"] {
        service.say(visitor.session, &visitor.token, body).await;
    }
    let since = async || {
        let (_, answer) = service.ask("tops", json!({"chats": [], "sessions_changed_within": 30})).await;
        let tops: Tops = serde_json::from_value(answer).expect("tops");
        tops.tops.iter().map(|top| (top.seq.0, top.since.map(|seq| seq.0))).collect::<Vec<_>>()
    };
    assert_eq!(since().await, [(4, Some(0))], "all of it is new");
    let age = "UPDATE messages SET created_at = now() - interval '1 hour' WHERE body <> 'third'";
    service.installation.database.run_sql(age).await;
    assert_eq!(since().await, [(4, Some(3))]);
    let (_, asked) = service.ask("tops", json!({"chats": [visitor.session]})).await;
    assert_eq!(asked["tops"], json!([{"chat_id": visitor.session, "kind": "session", "site_id": 1, "seq": 4}]));
    let (_, asked) = service.ask("tops", json!({"chats": [visitor.session], "news_within": 30})).await;
    assert_eq!(
        asked["tops"],
        json!([{"chat_id": visitor.session, "kind": "session", "site_id": 1, "seq": 4, "since": 3}])
    );
}

#[tokio::test]
async fn a_gateway_learns_the_chats_that_its_users_may_read() {
    let service = Service::start().await;
    let (first, _) = service.account("first@example.com", "user").await;
    let (second, _) = service.account("second@example.com", "user").await;
    let (closed, _) = service.account("closed@example.com", "user").await;
    let shared = service.group(&[first, second, closed]).await;
    let own = service.group(&[second]).await;
    service.installation.accounts().disable("closed@example.com").await;
    let memberships = async || {
        let (_, answer) = service.ask("tops", json!({"users": [first, second, closed, 999]})).await;
        let tops: Tops = serde_json::from_value(answer).expect("tops");
        let chats = |chats: Vec<Membership>| chats.into_iter().map(|chat| chat.chat_id.0).collect::<Vec<_>>();
        tops.memberships.into_iter().map(|(user, of)| (user.0, chats(of))).collect::<Vec<_>>()
    };
    let nothing = vec![];
    assert_eq!(
        memberships().await,
        [(first, vec![shared]), (second, vec![shared, own]), (closed, nothing.clone()), (999, nothing.clone())]
    );
    service.installation.accounts().remove_member(shared, first).await;
    assert_eq!(memberships().await[0], (first, nothing));
}

/// Groups of two users in which nothing has happened for long; each with the marks of a hundred others.
async fn many_groups(service: &Service, users: [i64; 2], count: usize) {
    let [first, second] = users;
    let database = &service.installation.database;
    database
        .run_sql(&format!(
            "WITH made AS (
                INSERT INTO chats (kind, title, seq, changed_at)
                SELECT 'group', 'Group ' || n, n, now() - interval '1 day' - n * interval '1 second'
                FROM generate_series(1, {count}) n RETURNING id
             ), members AS (
                INSERT INTO chat_members (chat_id, user_id) SELECT id, u FROM made, unnest(ARRAY[{first}, {second}]) u
             )
             INSERT INTO chat_marks (chat_id, reader_type, reader_id, read_seq)
             SELECT id, 'user', reader, 1 FROM made, generate_series({first}, {first} + 100) reader"
        ))
        .await;
}

#[tokio::test]
async fn a_user_of_many_chats_is_told_of_those_that_changed_last_with_its_own_marks_alone() {
    let service = Service::start().await;
    let (first, _) = service.account("first@example.com", "user").await;
    let (second, _) = service.account("second@example.com", "user").await;
    many_groups(&service, [first, second], MAX_LISTED + 100).await;
    let ask = json!({"principal": {"type": "user", "user_id": first}});
    let Chats::Page(page) = service.admission(ask).await.expect("a user").chats else { panic!("no page") };
    assert_eq!((page.chats.len(), page.has_more), (MAX_LISTED, true));
    // The higher its number, the longer ago a group changed.
    let tops: Vec<i64> = page.chats.iter().map(|listed| listed.chat.seq.0).collect();
    assert_eq!(tops, (1..=i64::try_from(MAX_LISTED).expect("few")).collect::<Vec<_>>());
    let own = |marks: &[chat_events::Mark]| matches!(marks, [mark] if mark.reader == chat_events::Reader::User(first));
    assert!(page.chats.iter().all(|listed| own(&listed.chat.marks)), "marks of others");
}

#[tokio::test]
async fn memberships_come_in_pages_that_together_hold_each_once() {
    let service = Service::start().await;
    let (first, _) = service.account("first@example.com", "user").await;
    let (second, _) = service.account("second@example.com", "user").await;
    let (third, _) = service.account("third@example.com", "user").await;
    let per_user = MAX_MEMBERSHIPS * 3 / 4;
    service
        .installation
        .database
        .run_sql(&format!(
            "WITH made AS (INSERT INTO chats (kind, seq) SELECT 'group', n FROM generate_series(1, {per_user}) n RETURNING id)
             INSERT INTO chat_members (chat_id, user_id) SELECT id, u FROM made, unnest(ARRAY[{first}, {second}]) u"
        ))
        .await;
    let mut told = std::collections::BTreeMap::<i64, Vec<(i64, i64)>>::new();
    let (mut after, mut pages) = (Value::Null, 0);
    loop {
        let users = [third, first, second, 999_999];
        let (_, answer) = service.ask("tops", json!({"users": users, "after": after})).await;
        let next = answer["next"].clone();
        let tops: Tops = serde_json::from_value(answer).expect("tops");
        assert!(tops.memberships.values().map(Vec::len).sum::<usize>() <= MAX_MEMBERSHIPS);
        for (user, chats) in tops.memberships {
            told.entry(user.0).or_default().extend(chats.iter().map(|chat| (chat.chat_id.0, chat.seq.0)));
        }
        pages += 1;
        if next.is_null() {
            break;
        }
        after = next;
    }
    assert_eq!(pages, 2);
    assert_eq!(told.keys().copied().collect::<Vec<_>>(), [first, second, third, 999_999]);
    let of = |user: i64| told[&user].clone();
    assert_eq!((of(first).len(), of(third).len()), (per_user, 0));
    assert!(of(first).is_sorted_by(|one, next| one.0 < next.0 && one.1 < next.1), "twice, or with the top of another");
    assert_eq!(of(first), of(second));
    let chat = of(first)[7].0;
    let (_, answer) = service.ask("tops", json!({"users": [first, third], "chats": [chat], "only_these": true})).await;
    let tops: Tops = serde_json::from_value(answer).expect("tops");
    let told: Vec<(i64, usize)> = tops.memberships.iter().map(|(user, chats)| (user.0, chats.len())).collect();
    assert_eq!(told, [(first, 1), (third, 0)]);
}

#[tokio::test]
async fn a_reader_syncs_only_what_it_may_read() {
    let service = Service::start().await;
    let visitor = service.visitor().await;
    let (id, _) = service.operator().await;
    let sync = async |principal: Value| {
        let ask = json!({"principal": principal, "chat_id": visitor.session, "after": 0, "limit": 10});
        service.ask("sync", ask).await
    };
    let (_, page) = sync(client(visitor.session)).await;
    let page: SyncPage = serde_json::from_value(page).expect("a page");
    assert_eq!((page.next.0, page.epoch.0), (1, 1));
    assert_eq!(sync(json!({"type": "staff", "user_id": id})).await.0, StatusCode::OK);
    assert_eq!(sync(client(visitor.session + 1)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(sync(json!({"type": "user", "user_id": id})).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_gateway_says_of_its_operators_replaces_what_it_said_and_nothing_of_another() {
    let service = Service::start().await;
    let (id, _) = service.operator().await;
    let say =
        async |gateway: &str, here: Value| service.ask("operators", json!({"gateway": gateway, "here": here})).await.0;
    let here = async || service.installation.accounts().operators_here("default").await.len();
    assert_eq!(here().await, 0);
    for _ in 0..2 {
        // An account that is none is passed over.
        assert_eq!(say("one", json!([id, 999_999])).await, StatusCode::OK);
        assert_eq!(here().await, 1);
    }
    assert_eq!(say("two", json!([id])).await, StatusCode::OK);
    assert_eq!(say("one", json!([])).await, StatusCode::OK);
    assert_eq!(here().await, 1, "it is still at the other one");
    assert_eq!(say("two", json!([])).await, StatusCode::OK);
    assert_eq!(here().await, 0);

    let too_many: Vec<usize> = (1..=MAX_OPERATORS + 1).collect();
    for (gateway, here) in
        [("one", json!(too_many)), ("", json!([])), ("a\0b", json!([])), (&"x".repeat(65), json!([]))]
    {
        let (status, body) = service.ask("operators", json!({"gateway": gateway, "here": here})).await;
        assert_eq!((status, code(&body)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"));
    }
}

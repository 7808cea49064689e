//! Signs of life: delivered, read, typing.

use std::time::Duration;

use faults::proxy::Edge;
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Chain, Live, Operator, Person, Shape, Socket, System, Transport, Visitor, system_test};
use tokio::time::Instant;

/// Whose marks a chat is told with.
fn readers(chat: &Value) -> Vec<i64> {
    let marks = chat["marks"].as_array().unwrap_or_else(|| panic!("no marks in {chat}"));
    let mut readers: Vec<i64> = marks.iter().map(|mark| mark["reader_id"].as_i64().expect("an id")).collect();
    readers.sort_unstable();
    readers
}

system_test! {
    async fn an_ack_sets_delivered_and_tells_the_sender(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut staff = operator.socket(system.gateway(1)).await;
        let mut client = visitor.socket(system.gateway(0)).await;
        staff.connected().await;
        client.connected().await;
        let answer = operator.send(visitor.session, "Hello").await;
        let received = client.next_of("chat.message").await;
        client.send(json!({"type": "ack", "last_id": received["data"]["id"]})).await;
        let delivered = staff.next_of("chat.delivered").await;
        assert_eq!(delivered["session_id"], visitor.session);
        assert_eq!(delivered["data"]["reader_type"], "client");
        assert_eq!(delivered["data"]["delivered_seq"], answer["seq"]);
        let page = system.rest().get(&format!("/chat/session/{}/messages", visitor.session), &operator.token).await;
        assert_eq!(page.good()["marks"], json!([delivered["data"]]), "history tells it too");
    }

    async fn reading_tells_the_sender_and_counts_as_delivered(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut staff = operator.socket(system.gateway(0)).await;
        let mut client = visitor.socket(system.gateway(1)).await;
        staff.connected().await;
        client.connected().await;
        let question = visitor.send("Hello?").await;
        let received = staff.next_of("chat.message").await;
        staff.send(json!({"type": "read", "chat_id": visitor.session, "last_id": received["data"]["id"]})).await;
        let read = client.next_of("chat.read").await;
        assert_eq!((&read["data"]["reader_type"], &read["data"]["reader_id"]), (&"user".into(), &operator.id.into()));
        assert_eq!((&read["data"]["read_seq"], &read["data"]["delivered_seq"]), (&question["seq"], &question["seq"]));
        let page = system.rest().get(&format!("/chat/session/{}/messages", visitor.session), &visitor.token).await;
        assert_eq!(page.good()["marks"], json!([read["data"]]), "history tells it too");
    }

    async fn a_mark_only_rises(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut staff = operator.socket(system.gateway(0)).await;
        let mut client = visitor.socket(system.gateway(0)).await;
        staff.connected().await;
        client.connected().await;
        let first = operator.send(visitor.session, "one").await;
        let second = operator.send(visitor.session, "two").await;
        client.send(json!({"type": "ack", "last_id": second["id"]})).await;
        assert_eq!(staff.next_of("chat.delivered").await["data"]["delivered_seq"], second["seq"]);
        client.send(json!({"type": "ack", "last_id": first["id"]})).await;
        client.send(json!({"type": "read", "last_id": first["id"]})).await;
        // Frames of a socket are served one after the other: had the late ack said anything, it would come first.
        let read = staff.next_of("chat.read").await;
        assert_eq!((&read["data"]["read_seq"], &read["data"]["delivered_seq"]), (&first["seq"], &second["seq"]));
    }

    async fn a_mark_by_rest_reaches_open_connections_at_once_and_once(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut client = visitor.socket(system.gateway(1)).await;
        let mut staff = operator.socket(system.gateway(0)).await;
        let mut stream = Live::open(Transport::EventStream, system.gateway(0), &visitor).await;
        client.connected().await;
        staff.connected().await;
        let path = format!("/chat/session/{}/marks", visitor.session);
        for (rest, body) in [(system.rest(), "one"), (system.other_rest(), "two")] {
            let question = visitor.send(body).await;
            let mark = json!({"kind": "read", "last_id": question["id"]});
            let mark = rest.post(&path, &operator.token, mark).await.good();
            assert_eq!(mark["read_seq"], question["seq"]);
            for read in [client.next_of("chat.read").await, stream.next_of("chat.read").await] {
                assert_eq!((&read["session_id"], &read["data"]), (&visitor.session.into(), &mark), "or the first again");
            }
            assert_eq!(staff.next_of("chat.read").await["data"], mark, "the reader's own connections are told too");
        }
    }

    async fn a_mark_by_a_socket_is_told_to_all_but_that_socket(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut phone = operator.socket(system.gateway(0)).await;
        let mut desk = operator.socket(system.gateway(1)).await;
        let mut client = visitor.socket(system.gateway(1)).await;
        for socket in [&mut phone, &mut desk, &mut client] {
            socket.connected().await;
        }
        let question = visitor.send("Hello?").await;
        phone.send(json!({"type": "read", "chat_id": visitor.session, "last_id": question["id"]})).await;
        for socket in [&mut desk, &mut client] {
            assert_eq!(socket.next_of("chat.read").await["data"]["read_seq"], question["seq"]);
        }
        let again = visitor.send("Are you there?").await;
        desk.send(json!({"type": "read", "chat_id": visitor.session, "last_id": again["id"]})).await;
        let read = phone.next_of("chat.read").await;
        assert_eq!(read["data"]["read_seq"], again["seq"], "its own would have come first");
    }

    async fn who_connects_is_told_of_marks_a_member_of_its_own_and_a_visitor_of_all(system: System) {
        let (ada, ben) = (system.user("Ada").await, system.user("Ben").await);
        let (olga, ann) = (system.operator("Olga").await, system.visitor("Ann").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        let soup = ada.send(chat, "Soup?").await.good();
        for reader in [&ada, &ben] {
            let mark = json!({"kind": "read", "last_id": soup["id"]});
            reader.rest().post(&format!("/chats/{chat}/marks"), &reader.token, mark).await.accepted();
        }
        let mut socket = ben.socket(system.gateway(0)).await;
        assert_eq!(readers(&socket.connected().await["data"]["chats"][0]), [ben.id]);
        socket.send(json!({"type": "subscribe", "chat_id": chat})).await;
        assert_eq!(readers(&socket.next_of("subscribed").await["data"]), [ada.id, ben.id]);

        let question = ann.send("Hello?").await;
        let mark = json!({"kind": "read", "last_id": question["id"]});
        let path = format!("/chat/session/{}/marks", ann.session);
        olga.rest().post(&path, &olga.token, mark).await.accepted();
        let connected = ann.socket(system.gateway(1)).await.connected().await;
        assert_eq!(readers(&connected["data"]["chats"][0]), [olga.id]);
    }

    async fn typing_reaches_the_other_side_and_not_oneself(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut staff = operator.socket(system.gateway(1)).await;
        let mut client = visitor.socket(system.gateway(0)).await;
        staff.connected().await;
        client.connected().await;
        client.send(json!({"type": "typing", "is_typing": true})).await;
        let typing = staff.next_of("chat.typing").await;
        assert_eq!(typing["session_id"], visitor.session);
        assert_eq!((&typing["data"]["sender_type"], &typing["data"]["is_typing"]), (&"client".into(), &true.into()));
        assert_eq!(typing["data"]["sender_name"], "Ann");
        assert!(typing.get("seq").is_none(), "a sign of life has no place in the chat: {typing}");
        staff.send(json!({"type": "typing", "chat_id": visitor.session, "is_typing": true})).await;
        let typing = client.next_of("chat.typing").await;
        assert_eq!(typing["data"]["sender_type"], "operator", "its own would have come first: {typing}");
        client.send(json!({"type": "typing", "is_typing": false})).await;
        let stopped = staff.next_of("chat.typing").await;
        assert_eq!(
            (&stopped["data"]["sender_type"], &stopped["data"]["is_typing"]),
            (&"client".into(), &false.into()),
            "its own, or the first one twice: {stopped}"
        );
    }
}

/// Less than the time that a link to RabbitMQ may take to show that it is dead.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// So long marks are raised while RabbitMQ is away: longer than any of its links is waited for.
const AWAY_FOR: Duration = Duration::from_secs(8);

/// An operator who reads by REST what a visitor writes, and the visitor's socket.
struct Reading {
    operator: Operator,
    visitor: Visitor,
    client: Socket,
}

impl Reading {
    async fn begin(chain: &Chain) -> Self {
        let (operator, visitor) = (chain.operator("Olga").await, chain.visitor("Ann").await);
        let mut client = visitor.socket(chain.gateway()).await;
        client.connected().await;
        Self { operator, visitor, client }
    }

    /// A message is written and read; its seq.
    async fn goes_on(chain: &Chain, operator: &Operator, visitor: &Visitor) -> i64 {
        let message = visitor.send("Hello?").await;
        let mark = json!({"kind": "read", "last_id": message["id"]});
        let path = format!("/chat/session/{}/marks", visitor.session);
        let request = chain.rest().request(Method::POST, &path).bearer_auth(&operator.token).json(&mark);
        let answer = request.timeout(ANSWERED_WITHIN).send().await.expect("an answer in time");
        assert_eq!(answer.status(), 200);
        message["seq"].as_i64().expect("a seq")
    }

    /// Reads on until the visitor is told of something that was read after this began.
    async fn until_it_is_told(&mut self, chain: &Chain) {
        let Self { operator, visitor, client } = self;
        let first = Self::goes_on(chain, operator, visitor).await;
        let goes_on = async {
            loop {
                Self::goes_on(chain, operator, visitor).await;
            }
        };
        let is_told = async { while client.next_of("chat.read").await["data"]["read_seq"].as_i64() < Some(first) {} };
        tokio::select! {
            () = is_told => {}
            never = goes_on => never,
        }
    }
}

/// Marks by REST are answered as ever, and told again when RabbitMQ is back.
async fn marks_are_answered_without_rabbitmq(leave: impl FnOnce(&Edge), come_back: impl FnOnce(&Edge)) {
    let chain = Chain::start(Shape::Distributed).await;
    let mut reading = Reading::begin(&chain).await;
    reading.until_it_is_told(&chain).await;
    leave(&chain.links.rabbitmq);
    let since = Instant::now();
    while since.elapsed() < AWAY_FOR {
        Reading::goes_on(&chain, &reading.operator, &reading.visitor).await;
    }
    come_back(&chain.links.rabbitmq);
    reading.until_it_is_told(&chain).await;
}

#[tokio::test]
async fn marks_by_rest_do_not_wait_for_a_rabbitmq_that_refuses() {
    let leave = |rabbitmq: &Edge| {
        rabbitmq.refuse(true);
        rabbitmq.cut();
    };
    marks_are_answered_without_rabbitmq(leave, |rabbitmq| rabbitmq.refuse(false)).await;
}

#[tokio::test]
async fn marks_by_rest_do_not_wait_for_a_rabbitmq_that_is_frozen() {
    marks_are_answered_without_rabbitmq(|rabbitmq| rabbitmq.stall(true), |rabbitmq| rabbitmq.stall(false)).await;
}

#[tokio::test]
async fn marks_by_rest_do_not_wait_for_a_rabbitmq_that_swallows_what_it_is_told() {
    marks_are_answered_without_rabbitmq(Edge::wedge, |_| {}).await;
}

/// All that a socket was told up to a frame of that type, and whether a text is in it.
async fn heard(socket: &mut Socket, last: &str) -> Vec<Value> {
    let mut frames = vec![socket.next().await];
    while frames.last().is_some_and(|frame| frame["type"] != last) {
        frames.push(socket.next().await);
    }
    frames
}

system_test! {
    async fn that_a_note_is_typed_is_for_operators_alone(system: System) {
        let (olga, oscar) = (system.operator("Olga").await, system.operator("Oscar").await);
        let ann = system.visitor("Ann").await;
        let mut writer = olga.socket(system.gateway(0)).await;
        let mut colleague = oscar.socket(system.gateway(1)).await;
        let mut clients = [ann.socket(system.gateway(0)).await, ann.socket(system.gateway(1)).await];
        for socket in [&mut writer, &mut colleague].into_iter().chain(&mut clients) {
            socket.connected().await;
        }
        let typing = json!({"type": "typing", "chat_id": ann.session, "is_typing": true});
        for visibility in [Some("staff"), Some("public"), None] {
            let mut typing = typing.clone();
            if let Some(visibility) = visibility {
                typing["visibility"] = visibility.into();
            }
            writer.send(typing).await;
            let told = colleague.next_of("chat.typing").await;
            assert_eq!(told["data"]["visibility"], visibility.unwrap_or("public"));
            assert_eq!(told["data"]["sender_id"], olga.id);
        }
        olga.send(ann.session, "Here I am").await;
        for client in &mut clients {
            let frames = heard(client, "chat.message").await;
            let typed: Vec<_> = frames.iter().filter(|frame| frame["type"] == "chat.typing").collect();
            assert!(!typed.is_empty() && typed.iter().all(|frame| frame["data"]["visibility"] == "public"), "{frames:?}");
        }
    }

    async fn only_operators_may_say_that_a_note_is_typed(system: System) {
        let (ann, ada, ben) = (system.visitor("Ann").await, system.user("Ada").await, system.user("Ben").await);
        let chat = system.group_chat("Lunch", &[&ada, &ben]).await;
        let mut sockets =
            [(ann.socket(system.gateway(0)).await, ann.session), (ada.socket(system.gateway(0)).await, chat)];
        for (socket, chat) in &mut sockets {
            socket.connected().await;
            let typing = json!({"type": "typing", "chat_id": *chat, "is_typing": true, "visibility": "staff"});
            socket.send(typing.clone()).await;
            let error = socket.next_of("error").await;
            assert_eq!((&error["error"]["code"], &error["error"]["details"]["field"]), (&"forbidden".into(), &"visibility".into()));
            let mut nonsense = typing;
            nonsense["visibility"] = "secret".into();
            socket.send(nonsense).await;
            assert_eq!(socket.next_of("error").await["error"]["code"], "invalid");
        }
    }

    async fn the_page_of_a_visitor_is_told_to_operators_alone(system: System) {
        let (olga, ann, ada) = (system.operator("Olga").await, system.visitor("Ann").await, system.user("Ada").await);
        let mut staff = olga.socket(system.gateway(1)).await;
        let mut client = ann.socket(system.gateway(0)).await;
        let mut phone = ann.socket(system.gateway(1)).await;
        for socket in [&mut staff, &mut client, &mut phone] {
            socket.connected().await;
        }
        let url = "https://shop.example/cart?item=7";
        client.send(json!({"type": "page", "url": url, "title": "Your\ncart\u{202e}"})).await;
        let page = staff.next_of("chat.page").await;
        assert_eq!((&page["session_id"], &page["data"]["url"]), (&ann.session.into(), &url.into()));
        assert_eq!(page["data"]["title"], "Your cart");
        assert!(page["data"]["client_id"].is_i64() && page["data"]["at"].is_string() && page.get("seq").is_none());
        client.send(json!({"type": "page", "session_id": ann.session, "url": url})).await;
        assert!(staff.next_of("chat.page").await["data"]["title"].is_null());
        for (bad, field) in [
            (json!({"type": "page", "url": "javascript:alert(1)"}), "url"),
            (json!({"type": "page", "url": format!("https://a.b/{}", "x".repeat(2048))}), "url"),
            (json!({"type": "page", "url": url, "title": "x".repeat(201)}), "title"),
        ] {
            client.send(bad).await;
            let error = client.next_of("error").await;
            assert_eq!((&error["error"]["code"], &error["error"]["details"]["field"]), (&"invalid".into(), &field.into()));
        }
        client.send(json!({"type": "page", "session_id": ann.session + 1, "url": url})).await;
        assert_eq!(client.next_of("error").await["error"]["code"], "not_found");
        let chat = system.group_chat("Lunch", &[&ada]).await;
        let mut user = ada.socket(system.gateway(0)).await;
        user.connected().await;
        user.send(json!({"type": "page", "chat_id": chat, "url": url})).await;
        assert_eq!(user.next_of("error").await["error"]["code"], "forbidden");
        ann.send("Do you ship it?").await;
        assert!(heard(&mut phone, "chat.message").await.iter().all(|frame| frame["type"] != "chat.page"));
    }

    async fn a_visitor_without_a_socket_types_and_tells_its_page_by_rest(system: System) {
        let (olga, ann, bob) = (system.operator("Olga").await, system.visitor("Ann").await, system.visitor("Bob").await);
        let mut staff = olga.socket(system.gateway(1)).await;
        let mut stream = Live::open(Transport::EventStream, system.gateway(0), &ann).await;
        staff.connected().await;
        let path = format!("/chat/session/{}/signals", ann.session);
        let give = async |body: Value| system.rest().post(&path, &ann.token, body).await;
        assert_eq!(give(json!({"type": "typing", "is_typing": true})).await.status, 204);
        let typing = staff.next_of("chat.typing").await;
        assert_eq!((&typing["session_id"], &typing["data"]["sender_name"]), (&ann.session.into(), &"Ann".into()));
        assert_eq!((&typing["data"]["is_typing"], &typing["data"]["visibility"]), (&true.into(), &"public".into()));
        assert_eq!(give(json!({"type": "page", "url": "https://shop.example/", "title": " "})).await.status, 204);
        let page = staff.next_of("chat.page").await;
        assert_eq!((&page["data"]["url"], &page["data"]["title"]), (&"https://shop.example/".into(), &Value::Null));
        assert_eq!(page["data"]["client_id"], typing["data"]["sender_id"]);
        for (bad, field) in [
            (json!({"type": "typing"}), "is_typing"),
            (json!({"type": "page", "url": "https://a.b", "visibility": "staff"}), "visibility"),
            (json!({"type": "typing", "is_typing": true, "is_viewing": true}), "is_viewing"),
            (json!({"type": "viewing"}), "is_viewing"),
            (json!({"type": "typing", "is_typing": true, "url": "https://a.b"}), "url"),
            (json!({"type": "page"}), "url"),
            (json!({"type": "page", "url": "ftp://a.b"}), "url"),
            (json!({"type": "page", "url": "https://a.b", "title": "x".repeat(201)}), "title"),
            (json!({"type": "dance"}), "type"),
        ] {
            assert_eq!(give(bad.clone()).await.refused(422, "invalid")["details"]["field"], field, "{bad}");
        }
        let typing = json!({"type": "typing", "is_typing": true});
        system.rest().post(&path, &bob.token, typing.clone()).await.refused(403, "forbidden");
        give(json!({"type": "typing", "is_typing": true, "visibility": "staff"})).await.refused(403, "forbidden");
        give(json!({"type": "viewing", "is_viewing": true})).await.refused(403, "forbidden");
        system.rest().post_openly(&path, typing.clone()).await.refused(401, "unauthorized");
        // It is told nothing of itself, and of an operator without a socket that it types, but not what it looks at.
        let page = json!({"type": "page", "url": "https://a.b"});
        system.rest().post(&path, &olga.token, page).await.refused(403, "forbidden");
        system.rest().post(&path, &olga.token, json!({"type": "viewing", "is_viewing": true})).await.accepted();
        system.rest().post(&path, &olga.token, json!({"type": "typing", "is_typing": true, "visibility": "staff"})).await.accepted();
        system.rest().post(&path, &olga.token, typing.clone()).await.accepted();
        let typed = stream.next().await;
        assert_eq!((&typed["type"], &typed["data"]["sender_type"]), (&"chat.typing".into(), &"operator".into()), "{typed}");
        let sent = ann.send("Hello").await;
        assert_eq!(stream.next().await["data"], sent);
        olga.rest().post(&format!("/chat/session/{}/ban", ann.session), &olga.token, json!({})).await.accepted();
        give(typing).await.refused(403, "forbidden");
    }
}

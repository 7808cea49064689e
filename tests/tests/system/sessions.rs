//! The life of a support session, as those who are connected see it.

use std::time::Duration;

use system_tests::{Shape, System, system_test};
use tokio::time::{Instant, sleep};

system_test! {
    async fn an_assignment_is_told_to_operators_and_to_the_client(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut staff = operator.socket(system.gateway(1)).await;
        let mut client = visitor.socket(system.gateway(0)).await;
        staff.connected().await;
        client.connected().await;
        visitor.send("Hello").await;
        for socket in [&mut staff, &mut client] {
            // From here on nothing older is on its way, so that each change comes as its own event.
            socket.next_of("chat.message").await;
        }
        operator.assign(visitor.session, Some(operator.id)).await;
        for socket in [&mut staff, &mut client] {
            let assigned = socket.next_of("chat.session.assigned").await;
            assert_eq!(assigned["session_id"], visitor.session);
            assert_eq!(assigned["data"]["assignee"]["id"], operator.id);
            assert_eq!(assigned["data"]["assignee"]["name"], "Olga");
        }
        operator.assign(visitor.session, None).await;
        assert!(client.next_of("chat.session.assigned").await["data"]["assignee"].is_null());
    }

    async fn a_closed_session_is_opened_by_its_clients_next_message(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        let mut staff = operator.socket(system.gateway(0)).await;
        staff.connected().await;
        visitor.send("Hello").await;
        // From here on nothing older is on its way, so that each change comes as its own event.
        staff.next_of("chat.message").await;
        operator.set_status(visitor.session, "closed").await;
        let closed = staff.next_of("chat.session.status").await;
        assert_eq!(closed["data"]["status"], "closed");
        visitor.send("One more thing").await;
        let opened = staff.next_of("chat.session.status").await;
        assert_eq!(opened["data"]["status"], "open");
        let message = staff.next_of("chat.message").await;
        assert!(closed["seq"].as_i64() < opened["seq"].as_i64() && opened["seq"].as_i64() < message["seq"].as_i64());
    }

    async fn a_client_that_was_away_learns_where_its_session_stands(system: System) {
        let operator = system.operator("Olga").await;
        let visitor = system.visitor("Ann").await;
        operator.assign(visitor.session, Some(operator.id)).await;
        operator.set_status(visitor.session, "pending").await;
        let mut client = visitor.socket_after(system.gateway(0), 1).await;
        let connected = client.connected().await;
        assert_eq!(connected["data"]["chats"][0]["session"]["status"], "pending");
        assert_eq!(connected["data"]["chats"][0]["session"]["assignee"]["name"], "Olga");
        let state = client.next_of("chat.session.status").await;
        assert_eq!((&state["data"]["status"], &state["seq"]), (&"pending".into(), &3.into()));
    }
}

/// Sessions are compared with PostgreSQL every 30 s, and what nobody needs is forgotten after 5 s.
#[tokio::test]
async fn an_operator_is_not_told_of_sessions_from_before_it_came_when_they_are_compared() {
    let system = System::start(Shape::Standalone).await;
    let operator = system.operator("Olga").await;
    let visitor = system.visitor("Ann").await;
    let mut staff = operator.socket(system.gateway(0)).await;
    staff.connected().await;
    let came = Instant::now();
    // Longer than from one comparison to the next.
    while came.elapsed() < Duration::from_secs(36) {
        for frame in staff.until_pong().await {
            // Its event may have been on its way still when the operator came.
            let is_late = came.elapsed() > Duration::from_secs(10);
            assert!(!is_late || frame["type"] != "chat.session.created", "{frame}");
        }
        sleep(Duration::from_secs(1)).await;
    }
    visitor.send("Hello").await;
    assert_eq!(staff.next_of("chat.message").await["session_id"], visitor.session);
}

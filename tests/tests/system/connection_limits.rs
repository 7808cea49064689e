//! How many connections one may have, wherever they are.

use system_tests::{Shape, Socket, System, Visitor, system_test};

async fn open(system: &System, visitor: &Visitor, gateways: &[usize]) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for number in gateways {
        let mut socket = visitor.socket(system.gateway(*number)).await;
        socket.connected().await;
        sockets.push(socket);
    }
    sockets
}

/// Whether each is still there and served.
async fn are_served(sockets: &mut [Socket]) {
    for socket in sockets {
        assert!(socket.until_pong().await.is_empty());
    }
}

system_test! {
    async fn the_sixth_connection_of_a_session_closes_the_oldest_wherever_it_is(system: System) {
        let (ann, bob) = (system.visitor("Ann").await, system.visitor("Bob").await);
        let mut others = open(&system, &bob, &[0, 1]).await;
        let mut sockets = open(&system, &ann, &[1, 0, 0, 1, 0]).await;
        are_served(&mut sockets).await;
        let mut stream = ann.stream(system.gateway(0)).await;
        stream.connected().await;
        assert_eq!(sockets.remove(0).close_code().await, 4502);
        sockets.extend(open(&system, &ann, &[1]).await);
        assert_eq!(sockets.remove(0).close_code().await, 4502);
        let sent = ann.send("Still here?").await;
        assert_eq!(stream.next_of("chat.message").await["data"], sent);
        for socket in &mut sockets {
            assert_eq!(socket.next_of("chat.message").await["data"], sent);
        }
        are_served(&mut others).await;
    }

    async fn a_stream_that_gave_way_is_not_back_at_once(system: System) {
        let ann = system.visitor("Ann").await;
        let mut stream = ann.stream(system.gateway(0)).await;
        stream.connected().await;
        let sockets = open(&system, &ann, &[0, 1, 0, 1, 0]).await;
        assert_eq!(stream.closed().await["code"], 4502);
        // A browser would push out the next, and so on in a ring.
        assert_eq!(stream.retry, Some(24 * 60 * 60 * 1000));
        drop(sockets);
    }

    async fn those_who_left_make_room(system: System) {
        let ann = system.visitor("Ann").await;
        let mut kept = open(&system, &ann, &[0]).await;
        for round in 0..8 {
            let mut sockets = open(&system, &ann, &[round, round + 1]).await;
            are_served(&mut sockets).await;
            for mut socket in sockets {
                socket.close().await;
            }
        }
        are_served(&mut kept).await;
    }
}

#[tokio::test]
async fn the_connections_of_a_killed_gateway_count_no_more() {
    let mut system = System::start(Shape::Distributed).await;
    let ann = system.visitor("Ann").await;
    let mut kept = open(&system, &ann, &[0]).await;
    let mut lost = open(&system, &ann, &[1, 1, 1, 1]).await;
    are_served(&mut lost).await;
    system.processes_mut().iter_mut().find(|process| process.name() == "channel-gateway 1").expect("it").kill();
    // The connection that stayed is the oldest: were the lost ones counted, it would be closed.
    kept.extend(open(&system, &ann, &[0, 0, 0, 0]).await);
    let sent = ann.send("Back again").await;
    for socket in &mut kept {
        assert_eq!(socket.next_of("chat.message").await["data"], sent);
    }
    kept.extend(open(&system, &ann, &[0]).await);
    assert_eq!(kept.remove(0).close_code().await, 4502);
    are_served(&mut kept).await;
}

#[tokio::test]
async fn connections_are_counted_again_after_redis_was_emptied() {
    let system = System::start(Shape::Distributed).await;
    let ann = system.visitor("Ann").await;
    let mut sockets = open(&system, &ann, &[1, 0, 1, 0]).await;
    system.servers().expect("the distributed shape").1.delete_keys().await;
    sockets.extend(open(&system, &ann, &[0, 0]).await);
    // As soon as the other gateway found out.
    assert_eq!(sockets.remove(0).close_code().await, 4502);
    are_served(&mut sockets).await;
}

//! Each thing that a proxy does, on real connections.

use std::time::Instant;

use super::*;

const SOON: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection through a proxy to a server of the test, from both its ends.
async fn connected() -> (Arc<Edge>, TcpStream, TcpStream) {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let upstream = server.local_addr().expect("an address");
    let edge = Edge::open(Part::Gateway(1), Part::Redis, vec![upstream]).await.expect("a port");
    let near = TcpStream::connect(edge.address).await.expect("the proxy listens");
    let (far, _) = timeout(PATIENCE, server.accept()).await.expect("in time").expect("the proxy connects");
    (edge, near, far)
}

/// The next bytes; none at the end, an error after a reset.
async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 1024];
    let length = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("in time")?;
    buffer.truncate(length);
    Ok(buffer)
}

#[tokio::test]
async fn what_is_sent_arrives_and_is_counted() {
    let (edge, mut near, mut far) = connected().await;
    near.write_all(b"~fm:1").await.expect("sent");
    assert_eq!(read(&mut far).await.expect("bytes"), b"~fm:1");
    far.write_all(b"+OK").await.expect("sent");
    assert_eq!(read(&mut near).await.expect("bytes"), b"+OK");
    assert_eq!((edge.meter.marks(), edge.meter.bytes()), (1, 8));
}

#[tokio::test]
async fn the_end_is_passed_on_with_all_that_was_said_before() {
    let (_edge, mut near, mut far) = connected().await;
    far.write_all(b"the last word").await.expect("sent");
    drop(far);
    assert_eq!(read(&mut near).await.expect("bytes"), b"the last word");
    assert_eq!(read(&mut near).await.expect("the end"), b"");
}

#[tokio::test]
async fn a_cut_resets_both_ends_and_new_connections_are_served() {
    let (edge, mut near, mut far) = connected().await;
    edge.cut();
    assert!(read(&mut near).await.is_err());
    assert!(read(&mut far).await.is_err());
    edge.refuse(true);
    let mut refused = TcpStream::connect(edge.address).await.expect("the proxy listens");
    assert!(read(&mut refused).await.is_err());
}

#[tokio::test]
async fn a_wedged_connection_stays_open_and_says_nothing_while_a_new_one_is_served() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let upstream = server.local_addr().expect("an address");
    let edge = Edge::open(Part::Gateway(1), Part::Redis, vec![upstream]).await.expect("a port");
    let mut wedged = TcpStream::connect(edge.address).await.expect("the proxy listens");
    let (mut wedged_far, _) = timeout(PATIENCE, server.accept()).await.expect("in time").expect("the proxy connects");
    edge.wedge();
    wedged.write_all(b"PING").await.expect("taken");
    let mut buffer = [0; 8];
    assert!(timeout(SOON, wedged_far.read(&mut buffer)).await.is_err(), "neither bytes nor an end");
    let mut new = TcpStream::connect(edge.address).await.expect("the proxy listens");
    let (mut new_far, _) = timeout(PATIENCE, server.accept()).await.expect("in time").expect("the proxy connects");
    new.write_all(b"PING").await.expect("sent");
    assert_eq!(read(&mut new_far).await.expect("bytes"), b"PING");
}

#[tokio::test]
async fn a_stall_holds_what_is_sent_until_it_is_healed() {
    let (edge, mut near, mut far) = connected().await;
    edge.stall(true);
    near.write_all(b"later").await.expect("the kernel takes it");
    assert!(timeout(SOON, far.peek(&mut [0])).await.is_err(), "it came through");
    edge.heal();
    assert_eq!(read(&mut far).await.expect("bytes"), b"later");
}

#[tokio::test]
async fn a_half_closed_connection_still_carries_the_other_direction() {
    let (edge, mut near, mut far) = connected().await;
    edge.half_close(Direction::There);
    assert_eq!(read(&mut far).await.expect("the end"), b"");
    far.write_all(b"still here").await.expect("sent");
    assert_eq!(read(&mut near).await.expect("bytes"), b"still here");
    edge.heal();
    assert!(read(&mut near).await.is_err());
}

#[tokio::test]
async fn a_stranded_connection_is_gone_at_one_end_only() {
    let (edge, mut near, mut far) = connected().await;
    let started = Instant::now();
    let strand = || edge.strand(IpAddr::V4(Ipv4Addr::LOCALHOST));
    // The far end is connected a moment before the proxy has written the connection down.
    while strand() == 0 && started.elapsed() < PATIENCE {
        tokio::task::yield_now().await;
    }
    assert!(read(&mut near).await.is_err());
    let told = timeout(SOON, far.read_u8()).await;
    assert!(told.is_err(), "the far end was told: {told:?}");
}

//! Pollers on real sockets: the ways in which TCP cuts and joins a stream of frames must not show in the messages.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::transport::Outlet;
use crate::transport::codec::{self, Incoming};
use crate::transport::poller::acceptor::{Acceptor, FirstBytes, UpgradeAccepted};
use crate::transport::poller::{Limits, Peer, Pollers};
use crate::transport::socket::{Ending, MAX_UNSENT, Socket};
use actix_http::ws::OpCode;
use bytes::Bytes;
use chat_events::ErrorBody;
use chat_events::frame::CloseCode;
use futures_util::FutureExt;
use http_server::{ConnectionPermit, Connections, HttpConfig, Refused};
use telemetry::{Metrics, Vital};

/// Expected events come at once; a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);
const LIMITS: Limits = Limits {
    max_message: 1024 * 1024,
    max_passed: 0,
    ping_interval: Duration::from_secs(3600),
    whole_within: Duration::from_secs(3600),
    prove_within: None,
};
const MASK: [u8; 4] = [1, 2, 3, 4];
/// Of a long message.
const LENGTH: usize = 8 * 1024;

/// Tells of all that it hears.
struct Witness(Sender<Heard>);

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Text(String),
    Gone(&'static str),
}

impl Peer for Witness {
    fn message(&self, incoming: Incoming, _socket: &Arc<Socket>) -> bool {
        if let Incoming::Text(text) = incoming {
            self.tell(Heard::Text(text));
        }
        true
    }

    fn gone(&self, ending: Ending) {
        self.tell(Heard::Gone(ending.reason));
    }
}

impl Witness {
    fn tell(&self, heard: Heard) {
        // The test may be over.
        let _ = self.0.send(heard);
    }
}

/// A socket that a poller owns, and its client.
struct Line {
    client: TcpStream,
    socket: Arc<Socket>,
    heard: Receiver<Heard>,
    _pollers: Pollers,
}

impl Line {
    fn open() -> Self {
        Self::answered("", false)
    }

    fn answered(answer: &'static str, waits_for_a_frame: bool) -> Self {
        let (tell, heard) = channel();
        let pollers = Pollers::start(1, &Vital::new()).expect("a thread");
        let (client, socket) = settle(&pollers, (answer, waits_for_a_frame), LIMITS, Witness(tell));
        Self { client, socket, heard, _pollers: pollers }
    }

    fn hear(&self) -> Heard {
        self.heard.recv_timeout(PATIENCE).expect("something is heard")
    }

    fn hear_text(&self) -> String {
        match self.hear() {
            Heard::Text(text) => text,
            Heard::Gone(why) => panic!("gone: {why}"),
        }
    }

    /// The next frame that the server sent: its first byte and its payload. None at the end of the stream.
    fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        match self.client.read_exact(&mut head) {
            Ok(()) => {}
            Err(why) if why.kind() == ErrorKind::UnexpectedEof => return None,
            Err(why) => panic!("no frame: {why}"),
        }
        assert!(head[1] < 128, "a server does not mask");
        let extra = match head[1] {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mut length = [0; 8];
        self.client.read_exact(&mut length[8 - extra..]).expect("a length");
        let length = if extra == 0 { u64::from(head[1]) } else { u64::from_be_bytes(length) };
        let mut payload = vec![0; usize::try_from(length).expect("a length")];
        self.client.read_exact(&mut payload).expect("a payload");
        Some((head[0], payload))
    }

    fn write(&self, number: usize) {
        self.socket.write(&codec::encode(OpCode::Text, numbered(number).as_bytes()));
    }

    /// Writes to a client that reads nothing, until a frame did not go in whole. How many were written.
    fn fill(&self) -> usize {
        let mut count = 0;
        while self.is_sent() {
            self.write(count);
            count += 1;
            assert!(count * LENGTH < 64 * 1024 * 1024, "the kernel takes everything");
        }
        count
    }

    /// Whether everything that was given to the socket is with the kernel.
    fn is_sent(&self) -> bool {
        self.socket.below(1).now_or_never().is_some()
    }
}

/// As many as one likes.
fn permit() -> ConnectionPermit {
    let connections = Connections::new(HttpConfig { connections_per_address: 0 }, false, &Metrics::new());
    connections.admit(Ipv4Addr::LOCALHOST.into()).expect("room")
}

/// As a client sends it.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).ok().filter(|length| *length < 126).expect("a short payload");
    let body = payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    [first, 128 | length].into_iter().chain(MASK).chain(body).collect()
}

fn text(words: &str) -> Vec<u8> {
    masked(0x81, words.as_bytes())
}

/// A message that cannot be taken for another.
fn numbered(number: usize) -> String {
    format!("{number:08}").repeat(LENGTH / 8)
}

#[test]
fn what_the_kernel_takes_in_parts_arrives_whole_and_in_order() {
    let mut line = Line::open();
    let full = line.fill();
    // More wait behind it, but fewer than would end the connection.
    let count = full + MAX_UNSENT / LENGTH / 2;
    (full..count).for_each(|number| line.write(number));
    for number in 0..count {
        let (first, payload) = line.read_frame().expect("a frame");
        assert_eq!((first, payload), (0x81, numbered(number).into_bytes()), "frame {number} of {count}");
    }
    assert!(line.is_sent());
}

#[test]
fn a_frame_may_come_byte_by_byte_and_frames_together() {
    let mut line = Line::open();
    for byte in text("slowly") {
        line.client.write_all(&[byte]).expect("the server reads");
    }
    assert_eq!(line.hear_text(), "slowly");

    // One message in two fragments, a ping between them; then one frame more, and the beginning of another.
    let (begun, rest) = (text("fourth"), 5);
    let together = [
        masked(0x01, b"in "),
        masked(0x89, b"?"),
        masked(0x80, b"parts"),
        text("third"),
        begun[..begun.len() - rest].to_vec(),
    ];
    line.client.write_all(&together.concat()).expect("the server reads");
    assert_eq!([line.hear_text(), line.hear_text()], ["in parts", "third"]);
    assert_eq!(line.read_frame(), Some((0x8a, b"?".to_vec())), "the pong");
    line.client.write_all(&begun[begun.len() - rest..]).expect("the server reads");
    assert_eq!(line.hear_text(), "fourth");
}

#[test]
fn of_a_peer_that_only_stops_writing_all_is_heard_and_what_was_written_to_it_arrives() {
    let mut line = Line::open();
    line.socket.write(&codec::encode(OpCode::Text, b"before"));
    line.client.write_all(&text("last words")).expect("the server reads");
    line.client.shutdown(Shutdown::Write).expect("a socket");
    assert_eq!(line.hear_text(), "last words");
    assert_eq!(line.hear(), Heard::Gone("peer gone"));
    // Nobody is there who could be told any more: no message may be lost without a word.
    assert!(line.socket.is_closed());
    line.socket.write(&codec::encode(OpCode::Text, b"after"));
    assert_eq!(line.read_frame(), Some((0x81, b"before".to_vec())));
    assert_eq!(line.read_frame(), None);
}

#[test]
fn a_half_of_a_frame_is_no_message_when_its_peer_goes() {
    let mut line = Line::open();
    let frame = text("unfinished");
    line.client.write_all(&frame[..frame.len() - 1]).expect("the server reads");
    line.client.shutdown(Shutdown::Both).expect("a socket");
    assert_eq!(line.hear(), Heard::Gone("peer gone"));
}

#[test]
fn a_close_comes_behind_what_waits_and_what_crosses_it_is_not_heard() {
    let mut line = Line::open();
    let count = line.fill();
    line.socket.close(CloseCode::Restart);
    // It is on its way, and the client does not know.
    line.socket.write(&codec::encode(OpCode::Text, b"too late"));
    line.client.write_all(&text("crossed")).expect("the server reads");
    for number in 0..count {
        assert_eq!(line.read_frame(), Some((0x81, numbered(number).into_bytes())), "frame {number}");
    }
    let (first, payload) = line.read_frame().expect("a close");
    let code = u16::from_be_bytes([payload[0], payload[1]]);
    assert_eq!((first, code), (0x88, CloseCode::Restart.code()));
    line.client.write_all(&masked(0x88, &payload[..2])).expect("the server reads");
    assert_eq!(line.hear(), Heard::Gone(CloseCode::Restart.reason()), "what crossed the close is not heard");
    assert_eq!(line.read_frame(), None);
}

#[test]
fn of_two_closes_that_cross_each_side_sees_one() {
    let mut line = Line::open();
    line.client.write_all(&masked(0x88, &1000_u16.to_be_bytes())).expect("the server reads");
    line.socket.close(CloseCode::Restart);
    let (first, payload) = line.read_frame().expect("a close");
    let code = u16::from_be_bytes([payload[0], payload[1]]);
    assert_eq!(first, 0x88);
    // Whichever was first.
    let heard = line.hear();
    let pairs =
        [(1000, Heard::Gone("peer closed")), (CloseCode::Restart.code(), Heard::Gone(CloseCode::Restart.reason()))];
    assert!(pairs.contains(&(code, heard)), "the other code than the reason: {code}");
    assert_eq!(line.read_frame(), None, "one close alone");
    assert_eq!(line.heard.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "gone once");
}

#[test]
fn frames_from_many_threads_are_never_mixed() {
    const THREADS: usize = 4;
    const FRAMES: usize = 200;
    let mut line = Line::open();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let socket = line.socket.clone();
            std::thread::spawn(move || {
                for number in 0..FRAMES {
                    let wire: Bytes = codec::encode(OpCode::Text, format!("{thread} {number}").repeat(9).as_bytes());
                    socket.write_unbounded(&wire);
                }
            })
        })
        .collect();
    let mut next = [0; THREADS];
    for _ in 0..THREADS * FRAMES {
        let (_, payload) = line.read_frame().expect("a frame");
        let words = String::from_utf8(payload).expect("text");
        let thread: usize = words[..1].parse().expect("a thread");
        assert_eq!(words, format!("{thread} {}", next[thread]).repeat(9));
        next[thread] += 1;
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn a_handshake_is_answered_with_the_first_frame_and_without_one_all_the_same() {
    const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    let read_answer = |line: &mut Line| {
        let mut answer = [0; ANSWER.len()];
        line.client.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, ANSWER.as_bytes());
    };
    let mut spoken_to = Line::answered(ANSWER, true);
    spoken_to.write(1);
    spoken_to.write(2);
    read_answer(&mut spoken_to);
    assert_eq!(spoken_to.read_frame(), Some((0x81, numbered(1).into_bytes())));
    assert_eq!(spoken_to.read_frame(), Some((0x81, numbered(2).into_bytes())));

    let mut closed = Line::answered(ANSWER, true);
    closed.socket.close(CloseCode::Restart);
    read_answer(&mut closed);
    assert_eq!(closed.read_frame().map(|(first, _)| first), Some(0x88));

    let mut in_silence = Line::answered(ANSWER, true);
    read_answer(&mut in_silence);
    assert!(in_silence.is_sent());
}

/// A socket on these pollers, with this peer; its client, and the socket.
fn place(pollers: &Pollers, limits: Limits, peer: impl Peer + 'static) -> (TcpStream, Arc<Socket>) {
    settle(pollers, ("", false), limits, peer)
}

/// The same, with an answer to its handshake, which may wait for a frame.
fn settle(
    pollers: &Pollers,
    (answer, waits_for_a_frame): (&'static str, bool),
    limits: Limits,
    peer: impl Peer + 'static,
) -> (TcpStream, Arc<Socket>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    client.set_nodelay(true).expect("a socket");
    client.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let (server, _) = listener.accept().expect("a connection");
    server.set_nonblocking(true).expect("a socket");
    let (give, given) = channel();
    let make_peer = Box::new(move |socket: &Arc<Socket>| -> Arc<dyn Peer> {
        give.send(socket.clone()).expect("the test waits for it");
        Arc::new(peer)
    });
    let accepted =
        UpgradeAccepted { answer: Bytes::from_static(answer.as_bytes()), waits_for_a_frame, limits, make_peer };
    pollers.take_over(server, permit(), &[], accepted);
    (client, given.recv_timeout(PATIENCE).expect("taken over"))
}

/// One of several on a thread. All write their messages into one book.
struct Neighbour {
    name: &'static str,
    book: Sender<(&'static str, Incoming)>,
    /// Keeps the thread at its first message until the test has written the next frames.
    gate: Mutex<Option<Receiver<()>>>,
}

impl Neighbour {
    fn note(&self, incoming: Incoming) {
        // The test may be over.
        let _ = self.book.send((self.name, incoming));
    }
}

impl Peer for Neighbour {
    fn message(&self, incoming: Incoming, _socket: &Arc<Socket>) -> bool {
        self.note(incoming);
        if let Some(gate) = self.gate.lock().expect("a lock").take() {
            gate.recv_timeout(PATIENCE).expect("it is opened");
        }
        true
    }

    fn frame(&self) -> bool {
        self.note(Incoming::Part);
        true
    }
}

/// How long a neighbour waits, counted in frames of a flood, when both have come at the same time.
fn frames_before_a_neighbour(flood: &[u8]) -> usize {
    let (pollers, (book, heard), (open, gate)) =
        (Pollers::start(1, &Vital::new()).expect("a thread"), channel(), channel());
    let person = |name, gate| Neighbour { name, book: book.clone(), gate: Mutex::new(gate) };
    let (mut loud, _) = place(&pollers, LIMITS, person("loud", Some(gate)));
    let (mut quiet, _) = place(&pollers, LIMITS, person("quiet", None));
    loud.write_all(&text("first")).expect("the server reads");
    let next = || heard.recv_timeout(PATIENCE).expect("something is heard");
    assert_eq!(next(), ("loud", Incoming::Text("first".to_owned())));
    // As much as the kernel takes.
    loud.set_nonblocking(true).expect("a socket");
    let written = flood.chunks(64 * 1024).map_while(|chunk| loud.write(chunk).ok()).sum::<usize>();
    assert!(written >= 64 * 1024, "only {written} bytes of the flood were taken");
    quiet.write_all(&text("hello")).expect("the server reads");
    open.send(()).expect("it waits");
    let mut before = 0;
    while next().0 == "loud" {
        before += 1;
    }
    // The flood was not over by then.
    assert_eq!(next().0, "loud");
    before
}

#[test]
fn a_neighbour_waits_for_a_few_frames_of_a_flood_whatever_its_frames_are() {
    let begun = masked(0x01, b"");
    let floods = [
        ("pings", masked(0x89, b"").repeat(100_000)),
        ("pongs", masked(0x8a, b"").repeat(100_000)),
        ("texts", text("").repeat(100_000)),
        ("empty fragments", [begun, masked(0x00, b"").repeat(100_000)].concat()),
    ];
    for (name, flood) in floods {
        let before = frames_before_a_neighbour(&flood);
        assert!(before <= 200, "{before} {name} came before the neighbour's frame");
    }
}

#[test]
fn who_has_not_said_whose_it_is_when_its_time_is_over_is_closed_at_once() {
    struct Silent(Instant);

    impl Peer for Silent {
        fn message(&self, _: Incoming, _: &Arc<Socket>) -> bool {
            true
        }

        fn overdue(&self, now: Instant) -> Option<CloseCode> {
            (now >= self.0 + WITHIN).then_some(CloseCode::InitTimeout)
        }
    }

    const WITHIN: Duration = Duration::from_millis(300);
    let pollers = Pollers::start(1, &Vital::new()).expect("a thread");
    let limits = Limits { prove_within: Some(WITHIN), ..LIMITS };
    // On every spoke of the wheel, which turns once in five seconds.
    let sockets: Vec<_> = (0..5).map(|_| (Instant::now(), place(&pollers, limits, Silent(Instant::now())).0)).collect();
    for (opened, mut client) in sockets {
        let mut head = [0; 4];
        client.read_exact(&mut head).expect("a close");
        let took = opened.elapsed();
        assert_eq!(u16::from_be_bytes([head[2], head[3]]), CloseCode::InitTimeout.code());
        assert!((WITHIN..WITHIN + Duration::from_millis(1500)).contains(&took), "closed after {took:?}");
    }
}

#[tokio::test]
async fn a_poller_that_dies_is_told_of() {
    struct Broken;

    impl Peer for Broken {
        fn message(&self, _: Incoming, _: &Arc<Socket>) -> bool {
            panic!("of its own")
        }
    }

    let vital = Vital::new();
    let pollers = Pollers::start(1, &vital).expect("a thread");
    let (mut client, _) = place(&pollers, LIMITS, Broken);
    client.write_all(&masked(0x81, b"hello")).expect("the server reads");
    assert_eq!(vital.lost().await.to_string(), "poller-0 has panicked: the process cannot do its work without it");
}

#[test]
fn a_message_that_never_becomes_whole_ends_its_connection() {
    let pollers = Pollers::start(1, &Vital::new()).expect("a thread");
    let limits = Limits { whole_within: Duration::from_secs(1), ..LIMITS };
    let (tell, _heard) = channel();
    let half = |wire: &[u8]| {
        let (mut client, _) = place(&pollers, limits, Witness(tell.clone()));
        client.write_all(wire).expect("the server reads");
        client
    };
    let long = [&[0x81, 254, 255, 255][..], &MASK, b"begun"].concat();
    // A ping between the parts of a message does not make it whole.
    let parts = [masked(0x01, b"be"), masked(0x89, b"?")].concat();
    for (mut client, pongs) in [(half(&long), 0), (half(&parts), 3)] {
        let mut answer = vec![0; pongs + 4];
        client.read_exact(&mut answer).expect("a close");
        assert_eq!(u16::from_be_bytes([answer[pongs + 2], answer[pongs + 3]]), CloseCode::Idle.code());
    }
}

#[test]
fn of_a_stranger_little_is_kept_until_it_has_said_whose_it_is() {
    struct Stranger {
        is_proved: Arc<AtomicBool>,
        waits: Sender<()>,
        heard: Sender<usize>,
    }

    impl Peer for Stranger {
        fn message(&self, incoming: Incoming, _: &Arc<Socket>) -> bool {
            let Incoming::Text(text) = incoming else { panic!("no text: {incoming:?}") };
            self.heard.send(text.len()).expect("the test waits for it");
            true
        }

        fn is_proved(&self) -> bool {
            self.is_proved.load(Ordering::Relaxed)
        }

        fn waits_for_proof(&self) -> bool {
            // The test may be over.
            let _ = self.waits.send(());
            !self.is_proved()
        }
    }

    const LONG: usize = 500_000;
    let pollers = Pollers::start(1, &Vital::new()).expect("a thread");
    let limits = Limits { prove_within: Some(Duration::from_secs(3600)), ..LIMITS };
    let ((tell_waits, waits), (tell, heard), is_proved) = (channel(), channel(), Arc::<AtomicBool>::default());
    let stranger = Stranger { is_proved: is_proved.clone(), waits: tell_waits, heard: tell };
    let (mut client, socket) = place(&pollers, limits, stranger);
    client.write_all(&text("small")).expect("the server reads");
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(5));
    let mut long = vec![0x81, 255];
    long.extend_from_slice(&(LONG as u64).to_be_bytes());
    long.extend_from_slice(&[0; 4]);
    long.resize(long.len() + LONG, b'a');
    let writing = std::thread::spawn(move || client.write_all(&long).map(|()| client));
    waits.recv_timeout(PATIENCE).expect("it is not read on");
    is_proved.store(true, Ordering::Relaxed);
    socket.ask_attention();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(LONG));
    writing.join().expect("no panic").expect("the server reads");
}

#[test]
fn who_goes_on_after_a_close_is_not_read_for_ever() {
    let line = Line::open();
    line.socket.close(CloseCode::RateLimited);
    let mut client = line.client.try_clone().expect("a handle");
    let flood = masked(0x89, b"").repeat(10_000);
    let started = Instant::now();
    // Until the kernel takes no more, or the connection is gone.
    client.set_write_timeout(Some(Duration::from_millis(500))).expect("a socket");
    let mut written = 0;
    while let Ok(length) = client.write(&flood) {
        written += length;
        assert!(started.elapsed() < PATIENCE && written < 1 << 26, "{written} bytes were taken after the close");
    }
    assert_eq!(line.hear(), Heard::Gone(CloseCode::RateLimited.reason()));
}

/// Lets a peer in that says `in`, at once or (`later`) once the test allows it, refuses a peer that says `out`, panics
/// at `bad`.
struct Porter {
    tell: Sender<Heard>,
    http: Sender<TcpStream>,
    allowed: Arc<tokio::sync::Semaphore>,
}

impl Acceptor for Porter {
    fn admit(&self, _address: SocketAddr) -> Result<ConnectionPermit, Refused> {
        Ok(permit())
    }

    fn refuse(&self, _why: Refused) -> ErrorBody {
        unreachable!("all are let in")
    }

    fn look_at(&self, mut io: &mio::net::TcpStream, _address: SocketAddr) -> std::io::Result<FirstBytes> {
        let mut word = [0; 8];
        let length = match io.peek(&mut word) {
            Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(FirstBytes::Nothing),
            peeked => peeked?,
        };
        let takes_long = match &word[..length] {
            [b'i', b'n', ..] => false,
            [b'l', b'a', b't', b'e', b'r', ..] => true,
            b"bad" => panic!("a test of what happens then"),
            b"out" => {
                return Ok(FirstBytes::Upgrade { decision: async { Err(b"no".to_vec()) }.boxed(), has_more: false });
            }
            _ => return Ok(FirstBytes::Http),
        };
        let taken = if takes_long { 5 } else { 2 };
        io.read_exact(&mut word[..taken])?;
        let (tell, allowed) = (self.tell.clone(), self.allowed.clone());
        let make_peer = Box::new(move |socket: &Arc<Socket>| -> Arc<dyn Peer> {
            assert!(!socket.is_closed());
            Arc::new(Witness(tell))
        });
        let decision = async move {
            if takes_long {
                allowed.acquire().await.expect("never closed").forget();
            }
            Ok(UpgradeAccepted {
                answer: Bytes::from_static(b"begin_pending"),
                waits_for_a_frame: false,
                limits: LIMITS,
                make_peer,
            })
        };
        Ok(FirstBytes::Upgrade { decision: decision.boxed(), has_more: taken < length })
    }

    fn leave_to_http(&self, io: TcpStream, _permit: ConnectionPermit) {
        // The test may be over.
        let _ = self.http.send(io);
    }
}

/// A listener with a porter.
struct House {
    pollers: Pollers,
    address: SocketAddr,
    heard: Receiver<Heard>,
    http: Receiver<TcpStream>,
    allowed: Arc<tokio::sync::Semaphore>,
    _runtime: tokio::runtime::Runtime,
}

impl House {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let ((tell, heard), (give, http)) = (channel(), channel());
        let allowed = Arc::new(tokio::sync::Semaphore::new(0));
        let acceptor: Arc<dyn Acceptor> = Arc::new(Porter { tell, http: give, allowed: allowed.clone() });
        let pollers = Pollers::start(2, &Vital::new()).expect("threads");
        pollers.listen(listener, &acceptor, runtime.handle()).expect("a listener");
        Self { pollers, address, heard, http, allowed, _runtime: runtime }
    }

    fn pending(&self, word: &[u8]) -> TcpStream {
        let mut pending = TcpStream::connect(self.address).expect("a connection");
        pending.set_read_timeout(Some(PATIENCE)).expect("a socket");
        pending.write_all(word).expect("the server reads");
        pending
    }

    fn hear(&self) -> Heard {
        self.heard.recv_timeout(PATIENCE).expect("something is heard")
    }
}

fn heard_by(pending: &mut TcpStream, words: &[u8]) {
    let mut heard = vec![0; words.len()];
    pending.read_exact(&mut heard).expect("an answer");
    assert_eq!(heard, words);
}

/// Nothing more comes: the server has ended the connection.
fn is_ended(pending: &mut TcpStream) -> bool {
    let mut rest = [0];
    match pending.read(&mut rest) {
        Ok(length) => length == 0,
        Err(why) => why.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_guest_is_let_in_on_each_thread_and_what_came_with_its_word_is_heard() {
    let house = House::open();
    for number in 0..6 {
        let mut pending = house.pending(b"in");
        heard_by(&mut pending, b"begin_pending");
        pending.write_all(&text(&number.to_string())).expect("the server reads");
        assert_eq!(house.hear(), Heard::Text(number.to_string()));
        drop(pending);
        assert_eq!(house.hear(), Heard::Gone("peer gone"));
    }
    let mut pending = house.pending(&[&b"in"[..], &text("behind it")].concat());
    heard_by(&mut pending, b"begin_pending");
    assert_eq!(house.hear(), Heard::Text("behind it".to_owned()));
    let ended = house.pending(b"in");
    ended.shutdown(Shutdown::Write).expect("a socket");
    assert_eq!(house.hear(), Heard::Gone("peer gone"));
}

#[test]
fn a_guest_that_takes_long_to_judge_holds_up_nobody_and_loses_nothing() {
    let house = House::open();
    let mut slow: Vec<_> = (0..2).map(|_| house.pending(b"later")).collect();
    let mut quick: Vec<_> = (0..2).map(|_| house.pending(b"in")).collect();
    quick.iter_mut().for_each(|pending| heard_by(pending, b"begin_pending"));
    for pending in &mut slow {
        pending.write_all(&text("said meanwhile")).expect("the server reads");
    }
    house.allowed.add_permits(2);
    slow.iter_mut().for_each(|pending| heard_by(pending, b"begin_pending"));
    assert_eq!([house.hear(), house.hear()].map(|heard| heard == Heard::Text("said meanwhile".to_owned())), [true; 2]);
}

#[test]
fn others_are_refused_or_left_to_http_as_they_came() {
    let house = House::open();
    let mut refused = house.pending(b"out");
    heard_by(&mut refused, b"no");
    assert!(is_ended(&mut refused));
    // A connection that makes the acceptor panic harms no other one.
    assert!(is_ended(&mut house.pending(b"bad")));
    for word in [&b"GET /"[..], b""] {
        let mut pending = house.pending(word);
        let mut left = house.http.recv_timeout(PATIENCE).expect("it is left to HTTP");
        pending.write_all(b"!").expect("the server reads");
        left.set_nonblocking(false).expect("a socket");
        heard_by(&mut left, &[word, b"!"].concat());
    }
    heard_by(&mut house.pending(b"in"), b"begin_pending");
}

#[test]
fn who_is_in_stays_when_nobody_is_accepted_any_more() {
    let house = House::open();
    let mut inside = house.pending(b"in");
    heard_by(&mut inside, b"begin_pending");
    let mut silent: Vec<_> = (0..2).map(|_| house.pending(b"")).collect();
    house.pollers.stop_listening();
    drop(house.http);
    assert!(silent.iter_mut().all(is_ended));
    assert!(TcpStream::connect(house.address).is_err());
    inside.write_all(&text("still here")).expect("the server reads");
    assert_eq!(house.heard.recv_timeout(PATIENCE), Ok(Heard::Text("still here".to_owned())));
}

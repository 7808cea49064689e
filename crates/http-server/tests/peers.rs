//! What a peer may do to an HTTP server, and what it may not: on real sockets, with an application of the test's own.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse};
use futures_util::StreamExt;
use http_server::descriptors::Room;
use http_server::{Connection, Connections, HttpConfig, Server};
use telemetry::{Metrics, Vital};

/// What must happen happens soon; a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
const ROOM: Room = Room { connections: 20, channels: 4 };
const PAGE: usize = 8 * 1024 * 1024;

/// A server, and what its application has seen.
struct House {
    address: SocketAddr,
    seen: Arc<Seen>,
    metrics: Metrics,
    connections: Arc<Connections>,
    server: Option<Server>,
    runtime: tokio::runtime::Runtime,
}

#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    streams: AtomicUsize,
}

impl House {
    fn open() -> Self {
        Self::with(Room { connections: 1000, channels: 1000 }, 0)
    }

    fn with(room: Room, per_address: usize) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (seen, metrics) = (Arc::<Seen>::default(), Metrics::new());
        let config = HttpConfig { connections_per_address: per_address };
        let connections = Connections::with_room(room, config, false, &metrics);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let app = {
            let seen = seen.clone();
            move || {
                App::new()
                    .app_data(web::Data::from(seen.clone()))
                    .app_data(web::PayloadConfig::new(64 * 1024))
                    .route("/", web::get().to(hello))
                    .route("/page", web::get().to(page))
                    .route("/body", web::post().to(body))
                    .route("/unread", web::post().to(hello))
                    .route("/stream", web::get().to(stream))
            }
        };
        let server = {
            let _inside = runtime.enter();
            http_server::listen(listener, 1, &connections, &Vital::new(), app).expect("a server")
        };
        Self { address: server.address(), seen, metrics, connections, server: Some(server), runtime }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream
    }

    fn say(&self, words: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(words.as_bytes()).expect("the server reads");
        stream
    }

    /// All that comes after these words.
    fn answer(&self, words: &str) -> String {
        all_of(&mut self.say(words))
    }

    fn counted(&self, series: &str) -> u64 {
        let text = self.metrics.encode();
        let count = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
        count.unwrap_or(0)
    }

    fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(server) = self.server.take()
            && !std::thread::panicking()
        {
            self.runtime.block_on(server.stop());
        }
    }
}

async fn hello(seen: web::Data<Seen>) -> HttpResponse {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    HttpResponse::Ok().body("hello")
}

async fn page(seen: web::Data<Seen>) -> HttpResponse {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    HttpResponse::Ok().body(vec![b'x'; PAGE])
}

async fn body(body: Bytes) -> HttpResponse {
    HttpResponse::Ok().body(format!("{} bytes", body.len()))
}

/// Tells when it is dropped.
struct Stream(web::Data<Seen>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn stream(request: HttpRequest, seen: web::Data<Seen>) -> HttpResponse {
    request.conn_data::<Arc<Connection>>().expect("the connection").begin_stream(128 * 1024);
    seen.streams.fetch_add(1, Ordering::SeqCst);
    let stream = Stream(seen);
    let first = futures_util::stream::once(async { Ok::<_, actix_web::Error>(Bytes::from_static(b"first")) });
    let body = first.chain(futures_util::stream::pending().map(move |()| {
        let _kept = &stream;
        Ok(Bytes::new())
    }));
    HttpResponse::Ok().force_close().streaming(body)
}

fn all_of(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // What was sent before a reset counts.
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

/// What came so far, up to the end of a body that ends so.
fn until(stream: &mut TcpStream, end: &str) -> String {
    let (mut all, mut some) = (Vec::new(), [0; 4096]);
    while !all.ends_with(end.as_bytes()) {
        match stream.read(&mut some).expect("an answer in time") {
            0 => panic!("it ended with {}", String::from_utf8_lossy(&all)),
            length => all.extend_from_slice(&some[..length]),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_ended(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    let read = stream.read(&mut [0; 1024]);
    stream.set_nonblocking(false).expect("a socket");
    match read {
        Ok(length) => length == 0,
        Err(why) => why.kind() != ErrorKind::WouldBlock,
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const PAGE_PLEASE: &str = "GET /page HTTP/1.1\r\nHost: a\r\n\r\n";

// --- requests ------------------------------------------------------------------------------------------------

#[test]
fn requests_on_one_connection_are_answered_in_order_however_they_come() {
    let house = House::open();
    let post = "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    let chunked = "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: t\r\n\r\n";
    let unread = "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    let last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let words = [GET, post, "\r\n", GET, chunked, unread, GET, post, last].concat();
    let bodies = |answer: &str| {
        answer
            .split("\r\n\r\n")
            .skip(1)
            .map(|part| part.split("HTTP/1.1").next().unwrap_or("").to_owned())
            .collect::<Vec<_>>()
    };
    let expected = ["hello", "4 bytes", "hello", "5 bytes", "hello", "hello", "4 bytes", "hello"];
    assert_eq!(bodies(&house.answer(&words)), expected);
    // A service that does not read a body which is not there yet ends the connection.
    let words = words.replace(unread, GET);
    for length in [1, 7, 100] {
        let mut slow = house.connect();
        slow.set_nodelay(true).expect("a socket");
        for part in words.as_bytes().chunks(length) {
            slow.write_all(part).expect("the server reads");
        }
        assert_eq!(bodies(&all_of(&mut slow)), expected, "{length} bytes at once");
    }
}

#[test]
fn a_plain_request_is_answered_to_a_peer_that_has_ended_its_side() {
    let house = House::open();
    let mut peer = house.say(PAGE_PLEASE);
    peer.shutdown(Shutdown::Write).expect("a socket");
    assert!(all_of(&mut peer).len() > PAGE);
}

#[test]
fn before_http_1_1_an_answer_has_no_chunks() {
    let house = House::open();
    let mut peer = house.say("GET /stream HTTP/1.0\r\n\r\n");
    let answer = until(&mut peer, "first");
    assert!(answer.ends_with("\r\n\r\nfirst") && !answer.to_lowercase().contains("transfer-encoding"), "{answer}");
    assert!(until(&mut house.say("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"), "first\r\n").contains("chunked"));
}

#[test]
fn what_is_no_http_is_told_so_in_the_shape_of_all_errors() {
    let house = House::open();
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    for (words, status) in [("nonsense\r\n\r\n", "400"), ("GET / HTTP/1.1\r\n\r\n", "400"), (&long, "431")] {
        let answer = house.answer(words);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let head = head.to_lowercase();
        assert!(
            head.contains("application/json") && head.contains("nosniff") && head.contains("connection: close"),
            "{head}"
        );
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert!(body["error"]["code"].is_string() && body["error"]["message"].is_string(), "{body}");
    }
    // Behind a good request too.
    let answer = house.answer(&format!("{GET}nonsense\r\n\r\n"));
    assert!(answer.contains("hello") && answer.contains("HTTP/1.1 400 ") && answer.contains("bad_request"), "{answer}");
}

#[test]
fn every_answer_forbids_to_guess_what_it_is() {
    let house = House::open();
    for path in ["/", "/nothing"] {
        let answer = house.answer(&format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    }
}

// --- bodies --------------------------------------------------------------------------------------------------

#[test]
fn a_body_of_which_one_byte_comes_is_not_waited_for() {
    let house = House::open();
    let answer = house.answer("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(house.counted("http_connections_cut_total{reason=\"body\"}"), 1);
}

#[test]
fn a_body_that_is_too_large_is_not_read_on() {
    let house = House::open();
    let mut peer = house.say("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("{:x}\r\n{}\r\n", 16 * 1024, "x".repeat(16 * 1024));
    // It goes on to send for as long as it can.
    let mut sent = 0;
    while sent < 64 * 1024 * 1024 && peer.write_all(chunk.as_bytes()).is_ok() {
        sent += chunk.len();
    }
    assert!(sent < 64 * 1024 * 1024, "{sent} bytes were read");
    let mut told = house.say("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx");
    let answer = all_of(&mut told);
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("connection: close"), "{answer}");
}

#[test]
fn what_stands_between_chunks_and_behind_them_is_bounded() {
    let house = House::open();
    let head = "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for endless in [format!("1;{}", "x".repeat(100_000)), format!("1\r\nx\r\n0\r\n{}", "T: t\r\n".repeat(20_000))] {
        let answer = house.answer(&format!("{head}{endless}"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

// --- answers -------------------------------------------------------------------------------------------------

#[test]
fn while_an_answer_is_unread_no_further_request_is_begun() {
    let house = House::open();
    let mut peer = house.say(PAGE_PLEASE);
    let many = GET.repeat(1000);
    peer.set_write_timeout(Some(Duration::from_millis(500))).expect("a socket");
    let mut sent = 0;
    // Until the kernel's buffers are full.
    while sent < 64 * 1024 * 1024 {
        match peer.write(many.as_bytes()) {
            Ok(length) => sent += length,
            Err(_) => break,
        }
    }
    assert!(sent < 64 * 1024 * 1024, "everything was read");
    assert_eq!(house.requests(), 1);
    // Whoever reads on gets all of them.
    let (mut read, mut some) = (0, vec![0; 1024 * 1024]);
    while read < PAGE + 100_000 {
        read += peer.read(&mut some).expect("an answer in time");
    }
    assert!(house.requests() > 100);
}

#[test]
fn answers_that_nobody_reads_are_not_kept() {
    let house = House::open();
    let unread: Vec<_> = (0..40).map(|_| house.say(PAGE_PLEASE)).collect();
    wait_until("all pages are made", || house.requests() == 40);
    // 320 MB; those that nobody reads go until it is 64.
    wait_until("most are cut", || house.counted("http_connections_cut_total{reason=\"memory\"}") >= 30);
    // A neighbour is served meanwhile.
    assert!(house.answer("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ends_with("hello"));
    // The rest go when they have taken nothing for long.
    wait_until("none is left", || house.counted("http_connections_cut_total{reason=\"writing\"}") >= 1);
    drop(unread);
}

// --- streams -------------------------------------------------------------------------------------------------

#[test]
fn a_stream_whose_peer_is_gone_or_has_ended_its_side_is_noticed_at_once() {
    let house = House::open();
    let streams = || house.seen.streams.load(Ordering::SeqCst);
    let open = || {
        let mut peer = house.say("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
        until(&mut peer, "first\r\n");
        peer
    };
    let (gone, ended, stays) = (open(), open(), open());
    assert_eq!(streams(), 3);
    drop(gone);
    wait_until("the first is noticed", || streams() == 2);
    ended.shutdown(Shutdown::Write).expect("a socket");
    wait_until("the second is noticed", || streams() == 1);
    // What it sends is heard by nobody, and it may not send for ever.
    let mut stays = stays;
    stays.write_all(&[b'x'; 10_000]).expect("the server reads");
    assert!(!is_ended(&mut stays));
    let _ = stays.write_all(&vec![b'x'; 1_000_000]);
    wait_until("the third is cut", || streams() == 0);
}

// --- room ----------------------------------------------------------------------------------------------------

#[test]
fn one_address_cannot_have_all_connections() {
    let house = House::with(ROOM, 3);
    let mut held: Vec<_> = (0..3).map(|_| house.say(GET)).collect();
    held.iter_mut().for_each(|peer| drop(until(peer, "hello")));
    let refused = house.answer(GET);
    assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("rate_limited"), "{refused}");
    assert!(refused.contains("Retry-After: 5\r\n"), "{refused}");
    assert_eq!(house.counted("connections_refused_total{reason=\"address\"}"), 1);
    held.pop();
    wait_until("there is room again", || house.answer("GET / HTTP/1.0\r\n\r\n").ends_with("hello"));
}

#[test]
fn unfinished_requests_give_way_to_newcomers() {
    let house = House::with(ROOM, 0);
    let halves = ["", "GET / HT", "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"];
    let mut held: Vec<_> = halves.iter().cycle().take(4 * ROOM.connections).map(|half| house.say(half)).collect();
    for _ in 0..10 {
        assert!(house.answer("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ends_with("hello"));
    }
    // The oldest went first.
    assert!(is_ended(&mut held[0]));
    assert!(house.counted("http_connections_cut_total{reason=\"newcomer\"}") >= ROOM.connections as u64);
}

#[test]
fn whoever_is_being_answered_does_not_give_way() {
    let house = House::with(ROOM, 0);
    let mut stream = house.say("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    until(&mut stream, "first\r\n");
    let _held: Vec<_> = (0..3 * ROOM.connections).map(|_| house.say("GET")).collect();
    assert!(house.answer("GET / HTTP/1.0\r\n\r\n").ends_with("hello"));
    assert!(!is_ended(&mut stream));
}

#[test]
fn a_connection_has_one_descriptor() {
    let house = House::open();
    // This process has both ends.
    let open = || std::fs::read_dir("/proc/self/fd").expect("a folder").count();
    let mut first = house.say(GET);
    until(&mut first, "hello");
    let before = open();
    let mut held: Vec<_> = (0..50).map(|_| house.say(GET)).collect();
    held.iter_mut().for_each(|peer| drop(until(peer, "hello")));
    let mut streams: Vec<_> = (0..50).map(|_| house.say("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    streams.iter_mut().for_each(|peer| drop(until(peer, "first\r\n")));
    // Other tests of this process open and close some meanwhile, where tests are threads.
    assert!(open() - before < 200 + 40, "{} descriptors for 100 connections", open() - before);
    drop(held);
    assert!(house.connections.admit(std::net::Ipv4Addr::LOCALHOST.into()).is_ok());
}

#[test]
fn a_head_that_does_not_end_is_not_waited_for_whichever_request_it_is() {
    let house = House::open();
    let mut peer = house.say(GET);
    until(&mut peer, "hello");
    peer.write_all(b"GET / HT").expect("the server reads");
    let since = Instant::now();
    assert_eq!(all_of(&mut peer), "");
    assert!(since.elapsed() < Duration::from_secs(25), "{:?}", since.elapsed());
    // The first one is told.
    assert!(house.answer("GET / HT").starts_with("HTTP/1.1 408 "));
}

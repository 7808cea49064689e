//! What leaves a process: its log, and its spans on the way to a collector. Telemetry is set up once per process, so
//! each test runs one of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::Parser;
use telemetry::TelemetryConfig;

const CAUSE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    telemetry: TelemetryConfig,
}

/// The process under test.
#[test]
#[ignore = "the other tests run it, in a process of its own"]
fn service() {
    let settings = Settings::parse_from(["service"]);
    let guard = telemetry::init("test-service", &settings.telemetry).expect("good settings");
    let span = tracing::info_span!("answer", chat_id = 7);
    telemetry::trace::continue_from(&span, Some(CAUSE));
    let traceparent = span.in_scope(|| {
        tracing::info!(addr = "127.0.0.1:1", "listening");
        telemetry::trace::current_traceparent()
    });
    println!("traceparent={traceparent:?}");
    drop((span, guard));
}

fn run(environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "service", "--ignored", "--nocapture"]);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_") || name.starts_with("LOG__")) {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied()).output().expect("it runs")
}

fn log_of(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Takes one request, as an OTLP collector would.
fn collector() -> (String, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let request = std::thread::spawn(move || read_request(&mut listener.accept().expect("a caller").0));
    (endpoint, request)
}

fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while !is_whole(&request) {
        match stream.read(&mut buffer).expect("a request") {
            0 => break,
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("an answer");
    request
}

fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    request.len() >= end + 4 + length.unwrap_or(0)
}

#[test]
fn spans_reach_the_collector_that_the_standard_variables_name() {
    let (endpoint, request) = collector();
    let log = log_of(&run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k1")]));
    assert!(log.contains(&format!("traceparent=Some(\"{}", &CAUSE[..36])), "{log}");
    let request = String::from_utf8_lossy(&request.join().expect("a request")).into_owned();
    assert!(request.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{request}");
    for text in ["answer", "test-service", "application/x-protobuf", "x-key: k1"] {
        assert!(request.contains(text), "{text} in {request}");
    }
}

#[test]
fn without_an_endpoint_nothing_is_traced() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    for environment in
        [vec![], vec![endpoint, ("OTEL_SDK_DISABLED", "true")], vec![endpoint, ("OTEL_TRACES_EXPORTER", "none")]]
    {
        assert!(log_of(&run(&environment)).contains("traceparent=None"), "{environment:?}");
    }
}

#[test]
fn a_json_line_has_its_fields_at_the_top() {
    let log = log_of(&run(&[("LOG__FORMAT", "json")]));
    let line = log.lines().find(|line| line.contains("listening")).expect("the line");
    let line: serde_json::Value = serde_json::from_str(&line[line.find('{').expect("JSON")..]).expect("JSON");
    assert_eq!((&line["message"], &line["addr"]), (&"listening".into(), &"127.0.0.1:1".into()));
    assert_eq!((&line["level"], &line["span"]["chat_id"]), (&"INFO".into(), &7.into()));
    assert!(line["timestamp"].is_string());
}

#[test]
fn a_filter_silences_what_it_names_and_a_bad_one_is_told() {
    assert!(!log_of(&run(&[("LOG__FILTER", "warn")])).contains("listening"));
    let refused = run(&[("LOG__FILTER", "info,,=x=y")]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Filter("), "{refused:?}");
}

//! A service in a process of its own: started, watched, stopped and killed as an administrator would.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::http;
use crate::spawner::{dying_with_us, spawn};
use crate::wait::{self, wait_until};

/// The limits of a chat-service, each of which is off at 0.
pub const NO_LIMITS: [&str; 10] = [
    "LIMITS__SENDS_PER_SECOND",
    "LIMITS__CLIENT_SENDS_PER_SECOND",
    "LIMITS__FRESH_SENDS_PER_SECOND",
    "LIMITS__SESSIONS_PER_SECOND",
    "LIMITS__ALL_SESSIONS_PER_SECOND",
    "LIMITS__REQUESTS_PER_SECOND",
    "LIMITS__ADDRESS_REQUESTS_PER_SECOND",
    "LIMITS__WRONG_PASSWORDS_PER_MINUTE",
    "LIMITS__ACCOUNT_WRONG_PASSWORDS_PER_MINUTE",
    "LIMITS__ADDRESS_WRONG_PASSWORDS_PER_MINUTE",
];

/// How much of a log is shown when a test fails.
const SHOWN_LINES: usize = 80;

/// A running service. Killed when dropped, and also when the test's own process dies. When the test fails, the end of
/// its log is shown.
#[derive(Debug)]
pub struct Process {
    name: String,
    program: Program,
    child: Child,
    log: Log,
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Program {
    name: String,
    binary: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    open_files: Option<u32>,
}

impl Program {
    /// A binary of this workspace, by name. It gets nothing of the test's own environment but `PATH`, `HOME` and
    /// `TMPDIR`; it binds to a free port and logs JSON.
    #[must_use]
    pub fn new(binary: &str) -> Self {
        Self::at(binary, path_of(binary)).env("HTTP__BIND", "127.0.0.1:0").env("LOG__FORMAT", "json")
    }

    /// Any program, with nothing else of the test's environment.
    #[must_use]
    pub fn at(name: &str, binary: PathBuf) -> Self {
        let own =
            ["PATH", "HOME", "TMPDIR"].into_iter().filter_map(|name| Some((name.into(), std::env::var(name).ok()?)));
        Self { name: name.to_owned(), binary, arguments: Vec::new(), environment: own.collect(), open_files: None }
    }

    /// As it is called in the log of a failed test.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// With one more variable; the last of a name counts.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// For a chat-service: with none of its limits. Tests write faster than people, and all from one address.
    #[must_use]
    pub fn without_limits(self) -> Self {
        NO_LIMITS.iter().fold(self, |program, limit| program.env(limit, "0"))
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// May have so many files and connections open, and no more.
    #[must_use]
    pub fn with_open_files(mut self, at_most: u32) -> Self {
        self.open_files = Some(at_most);
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Process {
        let program = self.clone();
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(command).unwrap_or_else(|why| panic!("{} cannot be started: {why}", self.name));
        let log = Log::default();
        log.collect(child.stdout.take().expect("piped"));
        log.collect(child.stderr.take().expect("piped"));
        Process { name: self.name, program, child, log }
    }

    /// Runs it to its end with that on its standard input, and gives back what it printed. Panics if it fails.
    #[must_use]
    pub fn run(self, input: &str) -> String {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(command).unwrap_or_else(|why| panic!("{} cannot be started: {why}", self.name));
        // One that asks for nothing may be gone already; its exit status says more.
        let _unread = std::io::Write::write_all(&mut child.stdin.take().expect("piped"), input.as_bytes());
        let output = child.wait_with_output().expect("an exit status");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}: {}{}", self.name, text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    fn command(&self) -> Command {
        let mut command = match self.open_files {
            // util-linux too; it becomes the program.
            Some(at_most) => {
                let mut command = dying_with_us(Path::new("prlimit"));
                command.arg(format!("--nofile={at_most}")).arg(&self.binary);
                command
            }
            None => dying_with_us(&self.binary),
        };
        command.args(&self.arguments).env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Process {
    /// Where it listens. Waits until it says so in its log.
    pub async fn addr(&mut self) -> SocketAddr {
        let what = format!("{} to listen", self.name);
        wait_until(&what, async || {
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("{} ended before it listened: {status}", self.name);
            }
            self.log.address()
        })
        .await
    }

    /// Starts it once more where it listened, after it has ended.
    pub async fn start_again(&mut self) {
        self.ended().await;
        let addr = self.log.address().expect("it listened");
        *self = self.program.clone().env("HTTP__BIND", addr.to_string()).start();
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it wrote so far, line by line.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Asks it to stop (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Freezes it (SIGSTOP): it answers nothing, but its connections stay.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Has the vital task that `VITAL__PANICS` names panic (SIGUSR1).
    pub fn ask_to_panic(&self) {
        self.signal(Signal::USR1);
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child that is ours");
        self.child.wait().expect("an exit status");
    }

    /// Waits for its end, and for its last words.
    pub async fn ended(&mut self) -> ExitStatus {
        let what = format!("{} to end", self.name);
        let status = wait_until(&what, async || self.child.try_wait().expect("a child")).await;
        wait_until(&what, async || self.log.is_whole().then_some(())).await;
        status
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).unwrap_or_else(|why| panic!("{} cannot be signalled: {why}", self.name));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        if thread::panicking() {
            let lines = self.log.lines();
            let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("--- the log of {}\n{}\n---", self.name, shown.join("\n"));
        }
    }
}

/// One for the process, and one for each end that is still read.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Reads until the process closes that end, so that it never waits for a reader.
    fn collect(&self, from: impl Read + Send + 'static) {
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                log.locked().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }

    /// Both ends are closed, and all is here.
    fn is_whole(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    fn lines(&self) -> Vec<String> {
        self.locked().clone()
    }

    fn address(&self) -> Option<SocketAddr> {
        self.find(|line| line["message"] == "listening")?["addr"].as_str()?.parse().ok()
    }

    fn find(&self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let lines = self.locked();
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).find(wanted)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Beside this test's own binary: `target/<profile>/deps/<test>` and `target/<profile>/<binary>`.
fn path_of(binary: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("target/<profile>/deps");
    let path = folder.join(binary);
    assert!(path.is_file(), "{} is not built: run the tests with `make test`", path.display());
    path
}

/// Asks `/readyz` until every part of the service is up.
pub async fn wait_until_ready(url: &str) {
    wait_until(url, async || {
        let answer = http::client().get(url).timeout(wait::PATIENCE).send().await.ok()?;
        let readiness: Value = answer.json().await.ok()?;
        // Earlier versions, which are measured beside this one, have no `status`.
        let is_ready = readiness["status"] == "ready" || (readiness["status"].is_null() && readiness["ready"] == true);
        is_ready.then_some(())
    })
    .await;
}

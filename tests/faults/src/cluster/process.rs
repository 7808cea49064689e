//! One process: started, signalled, killed. The kernel kills it when the harness ends in whatever way.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use test_support::spawner::{dying_with_us, spawn};
use tokio::time::sleep;

const LOOK_EVERY: Duration = Duration::from_millis(10);
const DEATH_PATIENCE: Duration = Duration::from_secs(10);

/// What to run.
#[derive(Debug, Clone)]
pub struct Program {
    /// As its log is called.
    pub name: String,
    /// What is run.
    pub binary: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment, beside `PATH` and `HOME`.
    pub environment: Vec<(String, String)>,
}

/// A process of a program.
#[derive(Debug)]
pub struct Process {
    program: Program,
    log: PathBuf,
    child: Option<Child>,
}

impl Program {
    /// Runs it to its end with that on its standard input; what it printed.
    pub async fn run(&self, input: &str) -> anyhow::Result<String> {
        let mut command = self.to_command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let input = input.to_owned();
        let output = tokio::task::spawn_blocking(move || {
            let mut child = spawn(command)?;
            if let Some(mut stdin) = child.stdin.take() {
                // One that asks for nothing may be gone already; its exit status says more.
                let _unread = io::Write::write_all(&mut stdin, input.as_bytes());
            }
            child.wait_with_output()
        })
        .await??;
        if !output.status.success() {
            bail!("{}: {}", self.name, String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn to_command(&self) -> Command {
        let mut command = dying_with_us(&self.binary);
        command.args(&self.arguments).env_clear();
        let own = ["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
        command.envs(own).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Process {
    /// One that does not run yet. What it prints goes to a file in `logs`.
    #[must_use]
    pub fn new(program: Program, logs: &Path) -> Self {
        let log = logs.join(format!("{}.log", program.name));
        Self { program, log, child: None }
    }

    /// Starts it.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let log = self.open_log()?;
        self.start_with(Stdio::null(), log.into())
    }

    /// Starts it, to talk with it: what it prints is an answer. Only its errors go to its log.
    pub fn start_talking(&mut self) -> anyhow::Result<(ChildStdin, ChildStdout)> {
        self.start_with(Stdio::piped(), Stdio::piped())?;
        let pipes = self.child.as_mut().and_then(|child| Some((child.stdin.take()?, child.stdout.take()?)));
        pipes.context("a process without its pipes")
    }

    fn start_with(&mut self, input: Stdio, output: Stdio) -> anyhow::Result<()> {
        let mut command = self.program.to_command();
        command.stdin(input).stdout(output).stderr(self.open_log()?);
        // A group of its own: Ctrl-C in a terminal is for the harness, which ends it.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        self.child = Some(spawn(command).with_context(|| format!("{} cannot be started", self.program.name))?);
        Ok(())
    }

    fn open_log(&self) -> anyhow::Result<File> {
        open_log(&self.log).with_context(|| format!("{}", self.log.display()))
    }

    /// Its process id, if it was started.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it runs, as far as is known.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// `kill -9`, with all that it started.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let family = self.family();
        self.signal_all(&family, Signal::KILL);
        self.await_end(DEATH_PATIENCE).await?;
        let started = Instant::now();
        while family.iter().any(|pid| is_alive(*pid)) {
            if started.elapsed() > DEATH_PATIENCE {
                bail!("what {} started does not die", self.program.name);
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// `SIGSTOP`, with all that it started.
    pub fn freeze(&self) {
        self.signal_all(&self.family(), Signal::STOP);
    }

    /// `SIGCONT`.
    pub fn thaw(&self) {
        self.signal_all(&self.family(), Signal::CONT);
    }

    /// `SIGTERM`, and waits until it has ended by itself.
    pub async fn terminate(&mut self, patience: Duration) -> anyhow::Result<()> {
        if let Some(child) = &self.child {
            signal(child.id(), Signal::TERM);
        }
        self.await_end(patience).await
    }

    async fn await_end(&mut self, patience: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.is_running() {
            if started.elapsed() > patience {
                bail!("{} does not end", self.program.name);
            }
            sleep(LOOK_EVERY).await;
        }
        self.child = None;
        Ok(())
    }

    fn signal_all(&self, family: &[u32], which: Signal) {
        family.iter().for_each(|pid| signal(*pid, which));
    }

    /// The process and all its descendants. The parent comes first, so that it starts nothing new.
    fn family(&self) -> Vec<u32> {
        let Some(child) = &self.child else { return Vec::new() };
        let children = children_by_parent();
        let mut family = vec![child.id()];
        let mut index = 0;
        while let Some(pid) = family.get(index) {
            family.extend(children.get(pid).into_iter().flatten());
            index += 1;
        }
        family
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal_all(&self.family(), Signal::KILL);
        if let Some(child) = &mut self.child {
            // It is gone, or the kernel takes it with us.
            let _gone = child.wait();
        }
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

fn signal(pid: u32, which: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // One that ended meanwhile needs no signal.
        let _gone = kill_process(pid, which);
    }
}

/// Whether it lives; a zombie does not.
fn is_alive(pid: u32) -> bool {
    stat(&PathBuf::from(format!("/proc/{pid}"))).is_some_and(|(state, _)| state != "Z")
}

fn children_by_parent() -> HashMap<u32, Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some((_, parent)) = stat(&entry.path()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

/// The state and the parent of a process.
fn stat(folder: &Path) -> Option<(String, u32)> {
    let text = fs::read_to_string(folder.join("stat")).ok()?;
    // The name, in parentheses, may hold spaces.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

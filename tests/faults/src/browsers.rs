//! Real browsers as clients: Chromium, the widget, and nginx before the services as it is before those of `make up`.
//!
//! - [`words`]: what the program with the browsers tells
//! - [`compare`]: compares that with PostgreSQL; pure

pub mod compare;
pub mod words;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ChildStdin;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::cluster::process::{Process, Program};
use crate::cluster::{Cluster, free_address};
use words::{Joined, Told, VisitorReport};

/// A browser starts in seconds, but the machine may be busy.
const START_PATIENCE: Duration = Duration::from_secs(180);
/// All tabs tell what they show within this time: each scrolls through its history.
const REPORT_PATIENCE: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The program with the browsers, and nginx. Both end with this.
pub struct Browsers {
    tabs: usize,
    orders: ChildStdin,
    told: mpsc::UnboundedReceiver<Told>,
    _program: Process,
    _front: Process,
}

impl Browsers {
    /// Starts them. Their tabs are not up yet.
    pub async fn start(cluster: &Cluster, tabs: usize, site: &str, logs: &Path) -> anyhow::Result<Self> {
        cluster.administration().allow_all_pages(site).await?;
        let address = free_address()?;
        let mut front = Process::new(front(cluster, address)?, logs);
        front.start()?;
        let deadline = Instant::now() + START_PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            if Instant::now() > deadline || !front.is_running() {
                bail!("nginx does not serve; see its log");
            }
            sleep(LOOK_EVERY).await;
        }
        let arguments = [&format!("http://{address}"), site, &tabs.to_string()].map(str::to_owned);
        let mut program = Process::new(cluster.helper("browsers", &arguments), logs);
        let (orders, output) = program.start_talking()?;
        let (sender, told) = mpsc::unbounded_channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let line =
                    serde_json::from_str(&line).unwrap_or_else(|why| Told::Failed { why: format!("{why}: {line}") });
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { tabs, orders, told, _program: program, _front: front })
    }

    /// Waits until all tabs are up and each visitor has a session.
    pub async fn up(&mut self) -> anyhow::Result<Vec<Joined>> {
        match self.next(START_PATIENCE).await? {
            Told::Up { visitors } => Ok(visitors),
            other => bail!("instead of their start the browsers tell {other:?}"),
        }
    }

    /// Nobody writes any more.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        self.order("settle")
    }

    /// What is shown now.
    pub async fn report(&mut self) -> anyhow::Result<Vec<VisitorReport>> {
        self.order("report")?;
        match self.next(REPORT_PATIENCE).await? {
            Told::Report { visitors } => {
                let tabs = compare::tabs(&visitors).count();
                anyhow::ensure!(tabs == self.tabs, "{tabs} tabs of {} tell what they show", self.tabs);
                Ok(visitors)
            }
            other => bail!("instead of what they show the browsers tell {other:?}"),
        }
    }

    fn order(&mut self, word: &str) -> anyhow::Result<()> {
        writeln!(self.orders, "{word}").context("the program with the browsers has ended; see its log")
    }

    async fn next(&mut self, patience: Duration) -> anyhow::Result<Told> {
        let told = timeout(patience, self.told.recv()).await.context("the browsers do not answer; see their log")?;
        match told.context("the program with the browsers has ended; see its log")? {
            Told::Failed { why } => bail!("the browsers have failed: {why}"),
            told => Ok(told),
        }
    }
}

/// One address for all, as a page needs it: the gateways and the chat-services as clients reach them.
fn front(cluster: &Cluster, address: SocketAddr) -> anyhow::Result<Program> {
    let inner = free_address()?.port();
    let mut values = vec![format!("FRONT={address}"), format!("INNER_PORT={inner}")];
    for program in ["channel-gateway", "chat-service"] {
        let doors = cluster.doors(program);
        values.extend(doors.iter().zip(1..).map(|(door, number)| format!("{program}-{number}={door}")));
    }
    Ok(cluster.helper("nginx", &values))
}

//! One run: start, load, faults, healing, verdict.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::time::sleep;

use crate::browsers::words::VisitorReport;
use crate::browsers::{Browsers, compare};
use crate::checker::{self, Wrong};
use crate::cluster::servers::Servers;
use crate::cluster::{Cluster, PubSub};
use crate::faults::Fault;
use crate::feed::{self, FeedReader};
use crate::injector::{Hit, Injector};
use crate::load::{self, Load};
use crate::part::Part;
use crate::proxy::plant::{Plant, Spoil};
use crate::record::{Records, Transport, Who};
use crate::recorder::Recorder;
use crate::report::{self, Outcome};
use crate::truth::Source;

const CONNECT_PATIENCE: Duration = Duration::from_secs(90);
/// What everybody writes before the first fault.
const WARM_UP: Duration = Duration::from_secs(2);
/// After the faults every message is answered within this time.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// And everybody has everything within this.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(60);
/// So do browsers, which are slower.
const SCREEN_PATIENCE: Duration = Duration::from_secs(90);
const SCREENS_EVERY: Duration = Duration::from_secs(1);
/// What would come twice, or too late, has come by then.
const AFTERMATH: Duration = Duration::from_secs(1);
/// A fault that hit nothing in flight is done again so often.
const REPEATS: u32 = 2;

/// What a run is to be.
#[derive(Debug)]
pub struct Plan {
    /// What was drawn.
    pub faults: Vec<Fault>,
    /// What it was drawn from.
    pub seed: u64,
    /// A fault and its aftermath take at least so long.
    pub pace: Duration,
    /// What carries events to the gateways.
    pub pubsub: PubSub,
    /// Messages a second.
    pub rate: f64,
    /// How many tabs of real browsers take part.
    pub browsers: usize,
    /// Whether one message is spoiled on purpose.
    pub spoil: Option<Spoil>,
    /// Whether the services must use no more of the machine in the end than at the start.
    pub is_endurance: bool,
    /// Where the services' binaries are.
    pub binaries: PathBuf,
    /// Where logs go.
    pub logs: PathBuf,
}

/// Runs.
pub async fn run(plan: Plan) -> anyhow::Result<Outcome> {
    let servers = Servers::from_environment()?;
    let started = Instant::now();
    let cluster = Cluster::start(plan.pubsub, servers, plan.binaries, &plan.logs).await?;
    let mut source = Source::connect(cluster.database_url()).await?;
    let database_url = cluster.database_url().to_owned();
    let recorder = Recorder::default();
    let mut browsers = match plan.browsers {
        0 => None,
        tabs => Some(Browsers::start(&cluster, tabs, Load::first_site(), &plan.logs).await?),
    };
    let load = Load::new(&cluster, recorder.clone(), plan.logs);
    load.begin(&cluster, plan.rate).await?;
    let reader = FeedReader::new(load.rest(), cluster.internal_secret(), recorder.clone());
    let reader = tokio::spawn(reader.run());
    load::all_connected(&recorder, CONNECT_PATIENCE).await?;
    println!("the system is up under load after {:.1} s", started.elapsed().as_secs_f64());
    if let Some(browsers) = &mut browsers {
        for visitor in browsers.up().await? {
            println!("{} is in chat {}, after {:.1} s", visitor.name, visitor.session, started.elapsed().as_secs_f64());
            load.answer(visitor.session);
        }
    }
    if let Some(spoil) = plan.spoil {
        println!("planted: {}", plant(&cluster, &load, spoil).await?);
    }
    sleep(WARM_UP).await;

    let mut injector = Injector::new(cluster, load.clone(), recorder.clone(), plan.pace);
    let mut hits = Vec::new();
    for fault in plan.faults {
        strike(&mut injector, fault, &mut hits).await?;
    }
    everybody_resumes(injector.cluster(), &recorder).await;
    browsers.as_mut().map_or(Ok(()), Browsers::settle)?;
    load.end().await;
    // What was lost on purpose never comes.
    let never_comes = usize::from(plan.spoil == Some(Spoil::Loss));
    settle(&load, &recorder, &database_url, &mut source, never_comes).await?;
    for part in injector.cluster().fallen() {
        println!("{part} has ended without being told to");
    }
    let screens = match &mut browsers {
        Some(browsers) => last_screens(browsers, &mut source).await?,
        None => Vec::new(),
    };
    reader.abort();
    let (records, truth) = (recorder.records(), source.read().await?);
    let mut verdict = checker::check(&records, &truth);
    verdict.findings.extend(compare::check(&screens, &truth));
    verdict.findings.extend(feed::check(&records.feed, &truth));
    let waiting_events = source.waiting_events().await?;
    let is_endurance = plan.is_endurance;
    Ok(Outcome { records, truth, verdict, screens, hits, seed: plan.seed, waiting_events, is_endurance })
}

/// Does a fault, and again where it hit nothing in flight.
async fn strike(injector: &mut Injector, fault: Fault, hits: &mut Vec<Hit>) -> anyhow::Result<()> {
    for repeat in 0..=REPEATS {
        let choice = fault.choice.wrapping_add(u64::from(repeat));
        let hit = injector.strike(Fault { choice, ..fault }).await?;
        println!("{}", report::line(&hit));
        let counts = hit.counts;
        hits.push(hit);
        if counts {
            break;
        }
    }
    Ok(())
}

/// Where the faults left a kind of client connected all the time, all clients are cut off once.
async fn everybody_resumes(cluster: &Cluster, recorder: &Recorder) {
    if recorder.look(Records::never_resumed).is_empty() {
        return;
    }
    println!("not every kind of client had to come back: all are cut off once");
    for edge in cluster.edges_of(Part::Clients).filter(|edge| edge.to.program() == "channel-gateway") {
        edge.cut();
    }
    let deadline = Instant::now() + CONNECT_PATIENCE;
    while !recorder.look(Records::never_resumed).is_empty() && Instant::now() < deadline {
        sleep(Duration::from_millis(50)).await;
    }
}

/// A message to one visitor is spoiled once it connects anew. The finding that must come of it, as the report begins it.
async fn plant(cluster: &Cluster, load: &Load, spoil: Spoil) -> anyhow::Result<String> {
    let is_victim = |who: Who| matches!(who, Who::Visitor { .. });
    let listeners = load.listeners();
    let victim =
        listeners.iter().find(|listener| is_victim(listener.who) && listener.transport == Transport::WebSocket);
    let victim = victim.context("no visitor with a socket")?;
    let plant = Plant::new(victim.from, spoil);
    for edge in cluster.edges_of(Part::Clients).filter(|edge| edge.to.program() == "channel-gateway") {
        edge.plant(plant.clone());
        edge.strand(victim.from);
    }
    let deadline = Instant::now() + CONNECT_PATIENCE;
    let place = loop {
        if let Some(place) = plant.spoiled() {
            break place;
        }
        anyhow::ensure!(Instant::now() < deadline, "nothing came to {} that could be spoiled", victim.name);
        sleep(Duration::from_millis(10)).await;
    };
    let wrong = match spoil {
        Spoil::Loss => Wrong::Lost,
        Spoil::Duplicate => Wrong::Duplicated,
        Spoil::Inversion => Wrong::Inverted,
    };
    Ok(format!("{wrong:?}: {}, chat {}, seq {}", victim.name, place.chat, place.seq))
}

/// Waits until every message is answered and everybody has everything but what never comes, or long enough.
async fn settle(
    load: &Load,
    recorder: &Recorder,
    database_url: &str,
    source: &mut Source,
    never_comes: usize,
) -> anyhow::Result<()> {
    let started = Instant::now();
    while recorder.in_flight().unanswered > 0 && started.elapsed() < ANSWER_PATIENCE {
        sleep(Duration::from_millis(50)).await;
    }
    *source = Source::connect(database_url).await?;
    load.note_sessions(&source.sessions().await?);
    let answered = Instant::now();
    loop {
        let truth = source.read().await?;
        let outstanding =
            recorder.look(|records| checker::outstanding(records, &truth) + feed::outstanding(&records.feed, &truth));
        let waited = answered.elapsed();
        if outstanding <= never_comes || waited > DELIVERY_PATIENCE {
            println!("settled after {:.1} s, {outstanding} outstanding", started.elapsed().as_secs_f64());
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    sleep(AFTERMATH).await;
    Ok(())
}

/// What browsers show once that is all, or after long enough.
async fn last_screens(browsers: &mut Browsers, source: &mut Source) -> anyhow::Result<Vec<VisitorReport>> {
    let started = Instant::now();
    loop {
        let screens = browsers.report().await?;
        let findings = compare::check(&screens, &source.read().await?);
        let outstanding = findings.iter().filter(|finding| finding.wrong == Wrong::Lost).count();
        if outstanding == 0 || started.elapsed() > SCREEN_PATIENCE {
            let seconds = started.elapsed().as_secs_f64();
            println!("browsers have settled after {seconds:.1} s, {outstanding} outstanding");
            return Ok(screens);
        }
        sleep(SCREENS_EVERY).await;
    }
}

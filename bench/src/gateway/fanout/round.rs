//! One server, from its start to its end: connects, memory, messages.

use std::time::Duration;

use crate::figures::{median, micros, number, size};
use crate::gateway::crew::{Crew, Delivery, WARM_UP_MESSAGES};
use crate::gateway::subject::{Kind, Subject};
use crate::usage::{cpu_time, own_cpu_time, resident};

/// What is asked of each.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Load {
    /// Sockets, all in one group chat.
    #[arg(long, default_value_t = 5000)]
    pub(crate) sockets: usize,
    /// Messages that count, one after the other, each to all.
    #[arg(long, default_value_t = 60)]
    pub(crate) messages: u32,
}

/// Messages that each has missed who comes back.
const MISSED: i64 = 5;

/// What a round found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    /// Processor time of the server for one delivery, in microseconds.
    pub(crate) delivery_us: f64,
    /// The same of the load generator.
    pub(crate) client_us: f64,
    /// From publication until all have it, in milliseconds, the median of the messages.
    pub(crate) whole_ms: f64,
    /// From the first who has it to the last.
    pub(crate) spread_ms: f64,
    /// A frame on the wire.
    pub(crate) frame_bytes: f64,
    /// Resident memory for one connection that is subscribed and has had nothing, in KiB.
    pub(crate) idle_kib: f64,
    /// The same after the messages.
    pub(crate) used_kib: f64,
    /// The same after all have come back and been told what they missed; of the gateway only.
    pub(crate) resumed_kib: Option<f64>,
    /// How often a task of the gateway's hub waited for another one, in all.
    pub(crate) lock_waits: Option<f64>,
    /// Processor time of the server for one connect, in microseconds.
    pub(crate) connect_us: f64,
    /// With that of the process that it asks.
    pub(crate) connect_with_asked_us: f64,
}

/// Processor time so far.
#[derive(Clone, Copy)]
struct Clocks {
    server: Duration,
    asked: Duration,
    own: Duration,
}

impl Clocks {
    fn read(subject: &Subject) -> anyhow::Result<Self> {
        let asked = subject.asked().map(cpu_time).transpose()?.unwrap_or_default();
        Ok(Self { server: cpu_time(subject.server())?, asked, own: own_cpu_time()? })
    }
}

/// Starts it, measures it, ends it.
pub(crate) async fn measure(kind: Kind, load: Load) -> anyhow::Result<Figures> {
    let mut subject = kind.start(load.sockets).await?;
    let mut crew = Crew::new()?;
    let mut figures = Figures::default();
    crew.warm_up(&mut subject, if kind.has_messages() { WARM_UP_MESSAGES } else { 0 }).await?;
    let empty = resident(subject.server())?;
    let per_socket =
        |subject: &Subject| anyhow::Ok((number(resident(subject.server())?) - number(empty)) / size(load.sockets));

    connects(&subject, &crew, load, &mut figures).await?;
    figures.idle_kib = per_socket(&subject)?;
    if !kind.has_messages() {
        return Ok(figures);
    }
    messages(&mut subject, &mut crew, load, &mut figures).await?;
    figures.used_kib = per_socket(&subject)?;
    if let Subject::Switchboard(switchboard) = &subject {
        figures.lock_waits = Some(switchboard.lock_waits().await?);
        crew.disperse().await?;
        crew.seat((0..load.sockets).map(|n| switchboard.returning_guest(n, MISSED)).collect()).await?;
        crew.settle().await?;
        figures.resumed_kib = Some(per_socket(&subject)?);
    }
    Ok(figures)
}

async fn connects(subject: &Subject, crew: &Crew, load: Load, figures: &mut Figures) -> anyhow::Result<()> {
    let guests = subject.guests(0..load.sockets);
    let before = Clocks::read(subject)?;
    crew.seat(guests).await?;
    crew.settle().await?;
    let after = Clocks::read(subject)?;
    let (server, asked) = (after.server - before.server, after.asked - before.asked);
    figures.connect_us = micros(server) / size(load.sockets);
    figures.connect_with_asked_us = micros(server + asked) / size(load.sockets);
    Ok(())
}

async fn messages(subject: &mut Subject, crew: &mut Crew, load: Load, figures: &mut Figures) -> anyhow::Result<()> {
    for _ in 0..WARM_UP_MESSAGES {
        crew.deliver(subject).await?;
    }
    let mut deliveries = Vec::new();
    let before = Clocks::read(subject)?;
    for _ in 0..load.messages {
        deliveries.push(crew.deliver(subject).await?);
    }
    let after = Clocks::read(subject)?;
    crew.settle().await?;
    let count = f64::from(load.messages) * size(load.sockets);
    let of = |pick: fn(&Delivery) -> Duration| median(deliveries.iter().map(|one| micros(pick(one)) / 1000.0));
    figures.delivery_us = micros(after.server - before.server) / count;
    figures.client_us = micros(after.own - before.own) / count;
    figures.whole_ms = of(|delivery| delivery.whole);
    figures.spread_ms = of(|delivery| delivery.spread);
    figures.frame_bytes = size(deliveries.iter().map(|delivery| delivery.bytes).sum()) / count;
    Ok(())
}

//! A chat of thousands beside many of two: how long the small ones wait for it. Events are published straight into Redis, so
//! that the gateway alone is measured.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;

use super::crew::WARM_UP_MESSAGES;
use super::crowd::Crowd;
use super::subject::Subject;
use super::subject::scene::{CHAT, Scene};
use crate::figures::micros;
use crate::output::Output;
use crate::percentiles::Percentiles;
use crate::usage::cpu_time;

/// Who is there, and how much they say.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// Members of the large chat, each with one socket.
    #[arg(long, default_value_t = 5000)]
    large: usize,
    /// Chats of two.
    #[arg(long, default_value_t = 200)]
    small: usize,
    /// Messages a second in the large chat.
    #[arg(long, default_value_t = 4)]
    large_rate: u32,
    /// Messages a second in all small ones together.
    #[arg(long, default_value_t = 100)]
    small_rate: u32,
    /// Of each part, without the large chat's messages and with them.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often both are measured, in turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    output: Output,
}

/// When the messages of the small chats were published, by number, and how long each took to each of its two.
#[derive(Default)]
struct Times {
    published: Mutex<Vec<Instant>>,
    took: Mutex<Vec<Duration>>,
}

/// A crowd that listens on a thread of its own until it is told to end.
struct Listening {
    is_over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<anyhow::Result<usize>>,
}

/// What was found of one part.
struct Part {
    took: Percentiles,
    delivery_us: f64,
}

/// Measures, and prints the ratios; the last line is for machines.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<()> {
    let scene = Scene::Neighbours { large: plan.large, small: plan.small };
    let mut subject = Subject::on_stage(scene).await?;
    let (mut many, mut few) = (Crowd::new()?, Crowd::new()?);
    many.seat(subject.guests(0..plan.large))?;
    few.seat(subject.guests(plan.large..plan.large + 2 * plan.small))?;
    println!("{} in one chat, and {} chats of two, are there", plan.large, plan.small);
    let times = Arc::<Times>::default();
    // The large crowd is a load, and not to be measured: it gives way to the small one.
    let many = Listening::begin(many, true, |_, _| {});
    let noted = times.clone();
    let few = Listening::begin(few, false, move |number, at| noted.heard(number, at));
    let mut quiet = Vec::new();
    let mut loud = Vec::new();
    for _ in 0..WARM_UP_MESSAGES {
        subject.publish_to(CHAT, 0).await?;
    }
    for _ in 0..plan.rounds {
        quiet.push(part(&plan, &mut subject, &times, false).await?);
        loud.push(part(&plan, &mut subject, &times, true).await?);
    }
    many.end()?;
    few.end()?;
    let (table, line) = report(&plan, &quiet, &loud);
    plan.output.report("neighbours", &table, &line)?;
    Ok(())
}

async fn part(plan: &Plan, subject: &mut Subject, times: &Times, is_loud: bool) -> anyhow::Result<Part> {
    let begun = Instant::now();
    let before = cpu_time(subject.server())?;
    let (small_count, large_count) =
        (plan.small_rate * u32::try_from(plan.seconds)?, plan.large_rate * u32::try_from(plan.seconds)?);
    let mut published = 0;
    for n in 0..small_count {
        tokio::time::sleep_until((begun + Duration::from_secs(1) * n / plan.small_rate).into()).await;
        if is_loud && published < large_count && begun.elapsed() >= Duration::from_secs(1) * published / plan.large_rate
        {
            subject.publish_to(CHAT, 0).await?;
            published += 1;
        }
        let chat = CHAT + 1 + i64::from(n) % i64::try_from(plan.small)?;
        subject.publish_to(chat, times.publishes()).await?;
    }
    // The last ones arrive.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let used = cpu_time(subject.server())? - before;
    let deliveries = 2.0 * f64::from(small_count) + f64::from(published) * crate::figures::size(plan.large);
    let took = std::mem::take(&mut *times.took.lock().unwrap_or_else(PoisonError::into_inner));
    anyhow::ensure!(took.len() == 2 * small_count as usize, "{} of {} came", took.len(), 2 * small_count);
    Ok(Part { took: Percentiles::of(took.into_iter()), delivery_us: micros(used) / deliveries })
}

impl Times {
    /// The number of the next message, from 1.
    fn publishes(&self) -> u32 {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.push(Instant::now());
        u32::try_from(published.len()).unwrap_or(u32::MAX)
    }

    fn heard(&self, number: u32, at: Instant) {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(since) = published.get(number as usize - 1) else { return };
        self.took.lock().unwrap_or_else(PoisonError::into_inner).push(at.duration_since(*since));
    }
}

impl Listening {
    fn begin(mut crowd: Crowd, gives_way: bool, heard: impl FnMut(u32, Instant) + Send + 'static) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = is_over.clone();
        let mut heard = heard;
        let thread = std::thread::spawn(move || {
            if gives_way {
                // Where it may not be changed, both crowds have the same share.
                let _as_before = rustix::process::nice(19);
            }
            let mut count = 0;
            while !ends.load(Ordering::Relaxed) {
                count += crowd.listen(Duration::from_millis(100), &mut heard)?;
            }
            Ok(count)
        });
        Self { is_over, thread }
    }

    fn end(self) -> anyhow::Result<usize> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("a crowd panicked"))?
    }
}

fn report(plan: &Plan, quiet: &[Part], loud: &[Part]) -> (String, String) {
    let mut table = format!(
        "A chat of {} with {} messages a second, {} chats of two with {} a second together; {} rounds of {} s.\n\n\
         | | p50 ms | p90 | p99 | max | CPU µs per delivery |\n| --- | --- | --- | --- | --- | --- |\n",
        plan.large, plan.large_rate, plan.small, plan.small_rate, plan.rounds, plan.seconds
    );
    for (quiet, loud) in quiet.iter().zip(loud) {
        for (name, part) in [("small ones alone", quiet), ("beside the large one", loud)] {
            table += &format!("| {name} | {} | {:.2} |\n", part.took, part.delivery_us);
        }
    }
    let ratio = |of: fn(&Percentiles) -> f64| {
        crate::figures::median(quiet.iter().zip(loud).map(|(quiet, loud)| of(&loud.took) / of(&quiet.took)))
    };
    let line = format!(
        "neighbours_p99_ratio={:.2} neighbours_max_ratio={:.2} neighbours_p99_ms={:.2}",
        ratio(|took| took.p99),
        ratio(|took| took.max),
        crate::figures::median(loud.iter().map(|part| part.took.p99))
    );
    (table, line)
}

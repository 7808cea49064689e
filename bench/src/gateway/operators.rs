//! A staff feed: what an event costs the gateway where few or many sessions are open, and where few or many operators see
//! it. All are measured in turn, so that what else the machine does concerns them alike.

use std::time::{Duration, Instant};

use clap::Args;

use super::crew::Crew;
use super::subject::Subject;
use super::subject::scene::Scene;
use crate::figures::{median, micros, size};
use crate::output::Output;
use crate::usage::cpu_time;

/// Who is there.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// Operators, each with one socket.
    #[arg(long, default_value_t = 200)]
    operators: usize,
    /// Open sessions.
    #[arg(long, default_value_t = 20_000)]
    sessions: usize,
    /// A hundredth of the sessions and a tenth of the operators are the others that are measured. Rounds of all.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Events of a round, one after the other, each in another session.
    #[arg(long, default_value_t = 200)]
    events: u32,
    /// Seconds in which nothing happens, so that what is done anyway is seen.
    #[arg(long, default_value_t = 65)]
    rest: u64,
    #[command(flatten)]
    output: Output,
}

/// One gateway with its crowd.
struct Stage {
    operators: usize,
    sessions: usize,
    subject: Subject,
    crew: Crew,
    /// Processor time of an event, in microseconds, by round.
    costs: Vec<f64>,
    /// Of a second in which nothing happens, in microseconds.
    rest: f64,
}

/// Events that do not count: what is made once is there.
const WARM_UP: u32 = 50;

/// Measures and prints the ratios; the last line is for machines.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<()> {
    let (operators, sessions) = (plan.operators, plan.sessions);
    let mut stages = [
        Stage::open(operators, (sessions / 100).max(1)).await?,
        Stage::open(operators, sessions).await?,
        Stage::open((operators / 10).max(1), sessions).await?,
    ];
    for _ in 0..plan.rounds {
        for stage in &mut stages {
            stage.round(plan.events).await?;
        }
    }
    rest(&mut stages, Duration::from_secs(plan.rest)).await?;
    let (table, line) = report(&stages);
    plan.output.report("operators", &table, &line)?;
    Ok(())
}

impl Stage {
    async fn open(operators: usize, sessions: usize) -> anyhow::Result<Self> {
        let scene = Scene::StaffFeed { operators, sessions };
        let mut subject = Subject::on_stage(scene).await?;
        let mut crew = Crew::new()?;
        crew.seat(subject.guests(0..operators)).await?;
        for _ in 0..WARM_UP {
            crew.deliver(&mut subject).await?;
        }
        println!("{operators} operators over {sessions} sessions are there");
        Ok(Self { operators, sessions, subject, crew, costs: Vec::new(), rest: 0.0 })
    }

    async fn round(&mut self, events: u32) -> anyhow::Result<()> {
        let before = cpu_time(self.subject.server())?;
        for _ in 0..events {
            self.crew.deliver(&mut self.subject).await?;
        }
        let used = cpu_time(self.subject.server())? - before;
        self.costs.push(micros(used) / f64::from(events));
        Ok(())
    }

    fn cost(&self) -> f64 {
        median(self.costs.iter().copied())
    }
}

/// All at the same time: they do next to nothing.
async fn rest(stages: &mut [Stage; 3], time: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut before = Vec::new();
    for stage in &*stages {
        before.push(cpu_time(stage.subject.server())?);
    }
    let [first, second, third] = &*stages;
    tokio::try_join!(first.crew.stay(time), second.crew.stay(time), third.crew.stay(time))?;
    for (stage, before) in stages.iter_mut().zip(before) {
        let used = cpu_time(stage.subject.server())? - before;
        stage.rest = micros(used) / begun.elapsed().as_secs_f64();
    }
    Ok(())
}

fn report(stages: &[Stage; 3]) -> (String, String) {
    let mut table = String::from(
        "| operators | open sessions | CPU µs per event | per delivery | CPU µs per second at rest |\n| --- | --- | --- | --- | --- |\n",
    );
    for stage in stages {
        let (cost, operators) = (stage.cost(), size(stage.operators));
        table += &format!(
            "| {} | {} | {cost:.0} | {:.2} | {:.0} |\n",
            stage.operators,
            stage.sessions,
            cost / operators,
            stage.rest
        );
    }
    let [few_sessions, all, few_operators] = stages;
    // Within a round what else the machine does is most alike.
    let by_round = |other: &Stage| median(all.costs.iter().zip(&other.costs).map(|(all, other)| all / other));
    let line = format!(
        "operators={} sessions={} event_us={:.0} sessions_x100_ratio={:.2} operators_x10_ratio={:.2}",
        all.operators,
        all.sessions,
        all.cost(),
        by_round(few_sessions),
        by_round(few_operators)
    );
    (table, line)
}

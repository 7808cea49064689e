//! The change feed, on `TEST_DATABASE_URL`: what it costs the relay to number what it takes out of the outbox, beside only
//! taking it out; and a page among millions of changes, at its beginning, in its middle and at its end.

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::ensure;
use bus::outbox::number_published;
use chat_events::feed::FeedCursor;
use chat_events::{Epoch, Lane, LaneCount};
use chat_service::hot_paths::HotPaths;
use clap::Args;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Integer};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use test_support::{Database, fresh_database};

use crate::figures::{median, median_with_spread, micros, size};
use crate::output::Output;
use crate::usage::cpu_time;

const LANES: i64 = 4;
const LANE: Lane = Lane(1);
const CHATS: i64 = 200;
const PAGE: u16 = 500;

/// How much there is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// Events that the relay takes out of the outbox, in each round and either way.
    #[arg(long, default_value_t = 20_000)]
    events: i64,
    /// Events of a batch of the relay.
    #[arg(long, default_value_t = 50)]
    batch: usize,
    /// How often the relay does that.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Changes among which a page is read.
    #[arg(long, default_value_t = 10_000_000)]
    changes: i64,
    /// Pages of each kind.
    #[arg(long, default_value_t = 300)]
    pages: usize,
    #[command(flatten)]
    output: Output,
}

/// How rows leave the outbox.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// As before there was a feed.
    Deleted,
    Numbered,
}

/// Measures, prints; the last line is for machines.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<()> {
    let database = fresh_database().await;
    let (mut deleted, mut numbered) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        deleted.push(relay(&database, &plan, Way::Deleted).await?);
        numbered.push(relay(&database, &plan, Way::Numbered).await?);
    }
    let mut table = format!(
        "| an event leaves the outbox, in batches of {} | CPU µs of PostgreSQL |\n| --- | --- |\n\
         | deleted | {} |\n| deleted and numbered | {} |\n\n\
         | a page of {PAGE} among {} changes | ms | CPU ms of PostgreSQL |\n| --- | --- | --- |\n",
        plan.batch,
        median_with_spread(deleted.iter().copied(), 1),
        median_with_spread(numbered.iter().copied(), 1),
        plan.changes
    );
    let mut line = format!(
        "relay_deletes_us={:.1} relay_numbers_us={:.1}",
        median(deleted.iter().copied()),
        median(numbered.iter().copied())
    );
    drop(database);
    let database = filled(&plan).await?;
    for (name, part) in [("oldest", 0), ("middle", 50), ("newest", 99)] {
        let (wall, cpu) = pages(&database, &plan, part).await?;
        // Writing to a String does not fail.
        let _ = writeln!(table, "| {name} | {} | {:.2} |", median_with_spread(wall.iter().copied(), 2), median(cpu));
        let _ = write!(line, " page_{name}_ms={:.2}", median(wall));
    }
    plan.output.report("feed", &table, &line)?;
    Ok(())
}

/// Fills the outbox and empties it as the relay does. Processor time of the relay's session for an event, in microseconds.
async fn relay(database: &Database, plan: &Plan, way: Way) -> anyhow::Result<f64> {
    let fill = format!(
        "INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, data)
         SELECT {}, 1 + n % {CHATS}, (SELECT count(*) FROM changes) + n, 'chat.message.sent', 'session', 'public', repeat('x', 600)
         FROM generate_series(1, {}) n",
        LANE.0, plan.events
    );
    database.run_sql(&fill).await;
    let rows: Vec<Row> =
        sql_query("SELECT chat_id, seq FROM outbox ORDER BY seq").load(&mut database.connect().await).await?;
    let rows: Vec<(i64, i64)> = rows.into_iter().map(|row| (row.chat_id, row.seq)).collect();
    let mut conn = database.connect().await;
    sql_query("SET synchronous_commit = off").execute(&mut conn).await?;
    let backend = backend(&mut conn).await?;
    let before = cpu_time(backend)?;
    for batch in rows.chunks(plan.batch) {
        match way {
            Way::Numbered => number_published(&conn, LANE, batch).await?,
            Way::Deleted => delete(&mut conn, batch).await?,
        }
    }
    let took = cpu_time(backend)? - before;
    let left: Vec<Row> = sql_query("SELECT chat_id, seq FROM outbox LIMIT 1").load(&mut conn).await?;
    ensure!(left.is_empty(), "something is left in the outbox");
    Ok(micros(took) / size(rows.len()))
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    chat_id: i64,
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

/// The relay's statement from before there was a feed.
async fn delete(conn: &mut AsyncPgConnection, batch: &[(i64, i64)]) -> anyhow::Result<()> {
    let (chats, seqs): (Vec<i64>, Vec<i64>) = batch.iter().copied().unzip();
    let delete = sql_query(
        "DELETE FROM outbox o USING unnest($1, $2) AS leaving (chat_id, seq)
         WHERE o.lane = $3 AND o.chat_id = leaving.chat_id AND o.seq = leaving.seq",
    );
    let delete = delete.bind::<Array<BigInt>, _>(chats).bind::<Array<BigInt>, _>(seqs);
    delete.bind::<Integer, _>(i32::from(LANE.0)).execute(conn).await?;
    Ok(())
}

async fn backend(conn: &mut AsyncPgConnection) -> anyhow::Result<u32> {
    #[derive(diesel::QueryableByName)]
    struct Backend {
        #[diesel(sql_type = Integer)]
        pid: i32,
    }
    Ok(u32::try_from(sql_query("SELECT pg_backend_pid() AS pid").get_result::<Backend>(conn).await?.pid)?)
}

/// A database with so many changes, the same number in each lane.
async fn filled(plan: &Plan) -> anyhow::Result<Database> {
    let (database, begun) = (fresh_database().await, Instant::now());
    let each = plan.changes / LANES;
    database.run_sql(&format!("UPDATE installation SET lanes = {LANES}")).await;
    for lane in 0..LANES {
        let fill = format!(
            "INSERT INTO changes (lane, pos, chat_id, seq, kind, visibility, site_id)
             SELECT {lane}, n, 1 + {lane} + {LANES} * (n % 10000), 1 + n / 10000, 'chat.message.sent', 'public', 1
             FROM generate_series(1, {each}) n;
             INSERT INTO lane_tops (lane, top) VALUES ({lane}, {each})"
        );
        database.run_sql(&fill).await;
    }
    database.run_sql("VACUUM ANALYZE changes").await;
    println!("{} changes were written in {:.0} s", each * LANES, begun.elapsed().as_secs_f64());
    Ok(database)
}

/// Pages from so many hundredths of the way on: milliseconds, and those of the session's processor time.
async fn pages(database: &Database, plan: &Plan, part: i64) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let mut conn = database.connect().await;
    let backend = backend(&mut conn).await?;
    let mut paths = HotPaths::on(conn, database.connect().await, LaneCount::new(i32::try_from(LANES)?)?).await?;
    let begin = plan.changes / LANES * part / 100;
    let mut cursor = FeedCursor { epoch: Epoch::FIRST, positions: vec![begin; usize::try_from(LANES)?] };
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..plan.pages {
        let (at, before) = (Instant::now(), cpu_time(backend)?);
        let page = paths.feed(&cursor, PAGE).await?;
        wall.push(millis(at.elapsed()));
        cpu.push(millis(cpu_time(backend)? - before));
        if page.changes.len() < usize::from(PAGE) {
            break;
        }
        cursor = page.cursor;
    }
    Ok((wall, cpu))
}

fn millis(time: Duration) -> f64 {
    micros(time) / 1000.0
}

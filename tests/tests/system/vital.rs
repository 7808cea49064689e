//! What a process cannot do without: when such a task dies, the process ends and says why, so that it is started anew;
//! it never looks alive and does half of its work. And what the outage of each part means.

use std::collections::BTreeSet;

use system_tests::{Chain, Shape};

/// Tasks that hold those of the lanes.
const HOLDS_LANES: [&str; 2] = ["the relay", "the pipeline"];

/// Each of these tasks dies in a process of its own, which ends and names it.
async fn ends_with_each(shape: Shape, service: &str, tasks: &[&str]) {
    let mut chain = Chain::start(shape).await;
    for task in tasks {
        let log = chain.dies_with(service, task).await;
        // A task that holds the lanes takes them along, and the first that is gone is named.
        let is_named = |line: &String| HOLDS_LANES.contains(task) || line.contains(&format!("{task} has panicked"));
        let said = |line: &String| line.contains(": the process cannot do its work without it") && is_named(line);
        assert!(log.iter().any(said), "{service} without {task}: {log:?}");
    }
}

#[tokio::test]
async fn a_chat_service_ends_and_says_why_when_a_vital_task_dies() {
    ends_with_each(
        Shape::Distributed,
        "chat-service",
        &["the relay", "the relay of lane 1", "nudges", "signals to RabbitMQ", "http-0"],
    )
    .await;
}

#[tokio::test]
async fn a_dispatcher_ends_and_says_why_when_a_vital_task_dies() {
    ends_with_each(
        Shape::Distributed,
        "dispatcher",
        &["the dispatch of lane 1", "the dispatch of signals", "signals to Redis", "http-0"],
    )
    .await;
}

#[tokio::test]
async fn a_gateway_ends_and_says_why_when_a_vital_task_dies() {
    let tasks =
        ["hub", "invitations", "revocations", "heartbeat", "leases", "link to the bus", "signals to the bus", "http-1"];
    ends_with_each(Shape::Distributed, "channel-gateway", &tasks).await;
}

#[tokio::test]
async fn a_gateway_ends_and_says_why_when_what_admits_dies() {
    let tasks = [
        "handshake rates",
        "keys",
        "chat-service's watch",
        "clients' snapshot",
        "accounts' snapshot",
        "users' snapshot",
    ];
    ends_with_each(Shape::Distributed, "channel-gateway", &tasks).await;
}

#[tokio::test]
async fn a_standalone_ends_and_says_why_when_a_vital_task_dies() {
    let tasks = ["hub", "revocations", "the pipeline", "the dispatch of lane 0", "link to the bus"];
    ends_with_each(Shape::Standalone, "standalone", &tasks).await;
}

/// The runbook's table says of each part of each service what its outage means, and it says the truth.
#[tokio::test]
async fn the_runbook_knows_what_the_outage_of_each_part_means() {
    let mut told = BTreeSet::new();
    for shape in [Shape::Distributed, Shape::Standalone] {
        for (service, part, if_down) in Chain::start(shape).await.parts().await {
            let part: String = part.chars().map(|c| if c.is_ascii_digit() { 'N' } else { c }).collect();
            told.insert(format!("| {service} | `{part}` | `{if_down}` |"));
        }
    }
    let runbook = include_str!("../../../docs/infra/runbook.md");
    let rows: BTreeSet<String> = runbook
        .lines()
        .filter(|line| line.contains("| `degraded` |") || line.contains("| `not_ready` |"))
        .map(|line| line.split_inclusive('|').take(4).collect())
        .collect();
    assert_eq!(rows, told);
}

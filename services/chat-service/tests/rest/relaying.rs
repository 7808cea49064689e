//! The relay: what is committed comes out of RabbitMQ, in order, and leaves the outbox.

use bus::amqp::AmqpSource;
use bus::{Batch, LaneMetrics, Outcome, Source};
use chat_events::{ChatId, LaneCount};
use telemetry::Health;
use test_support::{fresh_vhost, wait_until};

use crate::service::{Installation, Service};

#[tokio::test]
async fn what_is_committed_comes_out_of_rabbitmq_in_order_and_leaves_the_outbox() {
    let (installation, vhost) = (Installation::fresh().await, fresh_vhost().await);
    let amqp = |installation: &Installation| {
        installation.program().env("BROKER__BACKEND", "amqp").env("BROKER__AMQP_URL", vhost.url())
    };
    // Two instances: one holds the lanes, and the other's commits reach it too.
    let mut other = amqp(&installation).start();
    other.addr().await;
    let program = amqp(&installation);
    let service = Service::start_program(installation, program).await;
    let visitor = service.visitor().await;
    for n in 0..20 {
        service.say(visitor.session, &visitor.token, &n.to_string()).await;
    }
    let lane = LaneCount::new(4).expect("lanes").lane_of(ChatId(visitor.session));
    let part = Health::new().part("rabbitmq");
    let mut source = AmqpSource::new(vhost.url().into(), lane, LaneMetrics::unregistered(), part);
    let mut seqs = vec![];
    while seqs.len() < 21 {
        let Batch::Events(batch) = source.next().await.expect("events") else {
            source.forget_beat().await.expect("acknowledged");
            continue;
        };
        seqs.extend(batch.iter().map(|envelope| envelope.event.seq.0));
        source.settle(&batch, &vec![Outcome::Taken; batch.len()]).await.expect("settled");
    }
    assert_eq!(seqs, (1..22).collect::<Vec<_>>());
    wait_until("the outbox to be empty", async || {
        service.installation.texts("SELECT seq FROM outbox").await.is_empty().then_some(())
    })
    .await;
}

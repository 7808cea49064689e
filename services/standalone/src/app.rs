//! Puts the parts together, serves them on one port, and brings them down in good order.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, web};
use anyhow::Context;
use bus::outbox::LaneWaker;
use bus::{Incomings, Inlets, PubSub, PubSubBackend, SignalSink};
use channel_gateway::Credentials;
use channel_gateway::Gateway;
use channel_gateway::GatewayMetrics;
use channel_gateway::Heartbeat;
use channel_gateway::Parts;
use channel_gateway::refused_preflight_in_shape;
use chat_events::SitePages;
use chat_service::relay::Relay;
use chat_service::{AppState, ServiceContext};
use dispatcher::{Neighbours, PipelineConfig};
use telemetry::{Health, Metrics, Vital};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::demo_operator;
use crate::in_process::InProcess;

/// How long the last events may take to leave the outbox. Events that are left go out at the next start.
const PIPELINE_ENDS_WITHIN: Duration = Duration::from_secs(5);

/// The configuration and the context that every part is given.
struct Process {
    config: Config,
    context: ServiceContext,
}

/// The pub/sub that gateways listen on.
struct Listening {
    pubsub: Arc<dyn PubSub>,
    incoming: Incomings,
    /// The way of events to the gateway within this process, where there is one.
    local: Option<Inlets>,
    /// The way of signals to all gateways.
    signals: SignalSink,
}

/// Runs until told to end.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    let listener = TcpListener::bind(&config.bind).with_context(|| format!("cannot listen on {}", config.bind))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let (health, vital) = (Health::new(), Vital::new());
    let listening = Listening::begin(&config, &health, &vital)?;
    let context = ServiceContext {
        health,
        metrics: Metrics::new(),
        vital,
        waker: LaneWaker::new(config.chat.outbox_lanes),
        signals: listening.signals.clone(),
        shutdown: CancellationToken::new(),
    };
    context.health.register(&context.metrics);
    let process = Process { config, context };
    let (chat, background) = chat_service::start(&process.config.chat, &process.context)?;
    let mut fatal = tokio::spawn(background.run());
    let (gateway, local) = process.gateway(&chat, listening)?;
    let vital = process.context.vital.clone();
    let pipeline = vital.spawn("the pipeline", process.pipeline(local));
    // Only where events go by way of RabbitMQ; else the dispatcher reads the outbox itself.
    let relay = Relay::from_config(&process.config.broker, &process.config.chat, &process.context)?;
    let relay = relay.map(|relay| vital.spawn("the relay", relay.run(chat.clone(), process.context.shutdown.clone())));

    let server = process.serve(listener, &chat, &gateway)?;
    let (state, config) = (chat.clone(), process.config.clone());
    let announced = tokio::spawn(async move {
        if config.demo_operator {
            demo_operator::announce(state.clone(), config.data_dir).await;
        }
        // The demo operator is an admin, where it was just made.
        chat_service::announce_first_admin(state, format!("http://{address}")).await;
    });
    let ended = tokio::select! {
        () = telemetry::shutdown::requested() => Ok(()),
        ended = &mut fatal => ended?.context("this database cannot be served"),
        // The rest of it could not take leave of anybody: clients find another one sooner if it is gone at once.
        lost = vital.lost() => return Err(lost.into()),
    };
    announced.abort();
    process.context.health.part("process").down("shutting down");
    channel_gateway::drain(&gateway, &process.config.channel).await;
    chat.end_waits();
    server.stop().await;
    chat.finish_writes().await;
    process.context.shutdown.cancel();
    let both = async {
        // A panic in one of them was logged; the process ends anyway.
        let _ = pipeline.await;
        if let Some(relay) = relay {
            let _ = relay.await;
        }
    };
    if tokio::time::timeout(PIPELINE_ENDS_WITHIN, both).await.is_err() {
        tracing::warn!("the pipeline did not end in time; the rest goes out at the next start");
    }
    ended
}

impl Listening {
    fn begin(config: &Config, health: &Health, vital: &Vital) -> anyhow::Result<Self> {
        let (part, ways) = (health.delaying_part("pubsub"), config.channel.pollers());
        Ok(match config.pubsub.backend {
            PubSubBackend::Pg => {
                let (pubsub, incoming) = bus::notify::PgPubSub::connect(config.chat.database.url()?, part, vital, ways);
                let (local, signals) = (Some(pubsub.local()), pubsub.signals());
                Self { pubsub, incoming, local, signals }
            }
            PubSubBackend::Redis => {
                let (pubsub, incoming) = bus::redis::RedisPubSub::connect(&config.pubsub, part, vital, ways)?;
                let signals = pubsub.signals();
                Self { pubsub, incoming, local: None, signals }
            }
        })
    }
}

impl Process {
    fn gateway(
        &self,
        chat: &AppState,
        Listening { pubsub, incoming, local, .. }: Listening,
    ) -> anyhow::Result<(Arc<Gateway>, Option<Inlets>)> {
        let channel = &self.config.channel;
        let auth = &self.config.chat.auth;
        let verifier = auth.jwt_verifier(&auth.jwt_issuer()?)?;
        let credentials = Credentials::new(Arc::new(auth.session_keys()?), Arc::new(verifier), None);
        let gateway = Gateway::new(Parts {
            pubsub,
            chat_service: Arc::new(InProcess(chat.clone())),
            credentials,
            connections: channel.connections(&self.context.metrics),
            limits: channel.limits(),
            shared: self.config.pubsub.clone(),
            rates: channel.rates,
            pages: SitePages::new(&channel.allowed_origins),
            metrics: GatewayMetrics::new(&self.context.metrics),
            heartbeat: Heartbeat::new(self.context.health.delaying_part("pipeline"), &self.context.metrics),
            pollers: channel.pollers(),
            ping_interval: channel.ping_interval,
            reconnect_within: channel.reconnect_within,
            serves_echo: channel.echo,
            vital: self.context.vital.clone(),
        })?;
        self.context.vital.spawn("hub", channel_gateway::run_hub(gateway.clone(), incoming));
        Ok((gateway, local))
    }

    /// From the outbox to the gateways; by way of RabbitMQ, where that is asked for.
    fn pipeline(&self, gateway: Option<Inlets>) -> impl Future<Output = ()> + use<> {
        let config = PipelineConfig {
            broker: self.config.broker.clone(),
            pubsub: self.config.pubsub.clone(),
            database_url: self.config.chat.database.url().ok(),
            outbox_lanes: self.config.chat.outbox_lanes,
        };
        let context = self.context.clone();
        async move {
            let (waker, signals) = (Some(context.waker.clone()), Some(context.signals.clone()));
            let neighbours = Neighbours { waker, gateway, signals };
            let context = dispatcher::ServiceContext {
                health: context.health,
                metrics: context.metrics,
                vital: context.vital,
                shutdown: context.shutdown,
            };
            if let Err(error) = dispatcher::run(&config, neighbours, context).await {
                tracing::error!(%error, "events are not dispatched");
            }
        }
    }

    fn serve(
        &self,
        listener: TcpListener,
        chat: &AppState,
        gateway: &Arc<Gateway>,
    ) -> anyhow::Result<channel_gateway::Server> {
        self.context.health.part("process").up();
        let health = self.context.health.clone();
        let metrics = http_server::probes::metrics_apart(
            &self.config.telemetry,
            &health,
            &self.context.metrics,
            &self.context.vital,
        )?;
        let (chat, app_gateway) = (chat.clone(), gateway.clone());
        let app = move || {
            App::new()
                .wrap(from_fn(refused_preflight_in_shape))
                .wrap(telemetry::http::request_tracing())
                .configure(telemetry::http::configure(health.clone(), metrics.clone()))
                .configure(channel_gateway::configure(app_gateway.clone()))
                .configure(chat_service::app::configure(chat.clone()))
                .default_service(web::to(chat_service::app::not_found))
        };
        channel_gateway::serve(listener, gateway.clone(), app)
    }
}

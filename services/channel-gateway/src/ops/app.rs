//! Puts a gateway together, serves it, and brings it down in good order.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, web};
use anyhow::Context;
use bus::config::PubSubBackend;
use bus::{Incomings, PubSub};
use channel_auth::{JwtVerifier, SessionKeys};
use chat_events::SitePages;
use chat_events::gateway_api::TopsRequest;
use secrecy::ExposeSecret;
use telemetry::{Health, Metrics, Part, Vital};

use crate::auth::credentials::Credentials;
use crate::auth::jwks::{Issuer, KeyRefresh};
use crate::chat_service::{ChatService, HttpChatService};
use crate::connection::lifecycle;
use crate::gateway::{Gateway, Parts};
use crate::ops::config::Config;
use crate::ops::error::{not_found, refused_preflight_in_shape};
use crate::ops::heartbeat::Heartbeat;
use crate::ops::metrics::GatewayMetrics;
use crate::ops::{drain, routes, server};

/// How often chat-service is asked whether it is there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it may take to say so.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Runs a channel-gateway until it is told to end.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let (health, metrics, vital) = (Health::new(), Metrics::new(), Vital::new());
    health.register(&metrics);
    let (pubsub, incoming) = connect_pubsub(&config, health.delaying_part("pubsub"), &metrics, &vital)?;
    let secret = config.internal_secret.clone();
    anyhow::ensure!(secret.expose_secret().len() >= 32, "AUTH__INTERNAL_SECRET must have at least 32 characters");
    let chat_service = Arc::new(HttpChatService::new(&config.chat_service_url, secret)?);
    let gateway = Gateway::new(Parts {
        pubsub,
        chat_service: chat_service.clone(),
        credentials: credentials(&config, &health, &vital)?,
        connections: config.channel.connections(&metrics),
        limits: config.channel.limits(),
        shared: config.pubsub.clone(),
        rates: config.channel.rates,
        pages: SitePages::new(&config.channel.allowed_origins),
        metrics: GatewayMetrics::new(&metrics),
        heartbeat: Heartbeat::new(health.delaying_part("pipeline"), &metrics),
        pollers: config.channel.pollers(),
        ping_interval: config.channel.ping_interval,
        reconnect_within: config.channel.reconnect_within,
        serves_echo: config.channel.echo,
        vital: vital.clone(),
    })?;
    vital.spawn("hub", lifecycle::run_hub(gateway.clone(), incoming));
    vital.spawn("chat-service's watch", watch_chat_service(chat_service, health.part("chat-service")));

    let listener = TcpListener::bind(&config.bind).with_context(|| format!("cannot listen on {}", config.bind))?;
    let draining = health.part("process");
    draining.up();
    let app = {
        let metrics = http_server::probes::metrics_apart(&config.telemetry, &health, &metrics, &vital)?;
        let gateway = gateway.clone();
        move || {
            App::new()
                .wrap(from_fn(refused_preflight_in_shape))
                .wrap(telemetry::http::request_tracing())
                .configure(telemetry::http::configure(health.clone(), metrics.clone()))
                .configure(routes::configure(gateway.clone()))
                .default_service(web::to(not_found))
        }
    };
    let server = server::serve(listener, gateway.clone(), app)?;
    let ended = tokio::select! {
        () = telemetry::shutdown::requested() => Ok(()),
        // The rest of the process cannot close its connections in order: clients find another gateway sooner if it is
        // gone at once.
        lost = vital.lost() => return Err(lost.into()),
    };
    draining.down("shutting down");
    drain::drain(&gateway, &config.channel).await;
    server.stop().await;
    ended
}

fn credentials(config: &Config, health: &Health, vital: &Vital) -> anyhow::Result<Credentials> {
    let keys = SessionKeys::parse(config.session_keys.expose_secret())?.with_lifetime(config.session_ttl)?;
    anyhow::ensure!(
        config.jwt_issuers.len() == config.jwks_urls.len(),
        "AUTH__JWT_ISSUER and AUTH__JWKS_URL must name as many issuers as addresses"
    );
    let issuers = config.jwt_issuers.iter().zip(&config.jwks_urls);
    let issuers = issuers.map(|(name, url)| Issuer { name: name.clone(), url: url.clone() }).collect();
    let verifier = Arc::new(JwtVerifier::new(config.jwt_audience.clone()));
    let refresh = KeyRefresh::new(issuers, verifier.clone(), health.part("jwks"))?;
    vital.spawn("keys", refresh.clone().run());
    Ok(Credentials::new(Arc::new(keys), verifier, Some(refresh)))
}

fn connect_pubsub(
    config: &Config,
    part: Part,
    metrics: &Metrics,
    vital: &Vital,
) -> anyhow::Result<(Arc<dyn PubSub>, Incomings)> {
    match config.pubsub.backend {
        PubSubBackend::Redis => {
            let (pubsub, incoming) =
                bus::redis::RedisPubSub::connect(&config.pubsub, part, vital, config.channel.pollers())?;
            pubsub.signals().register(metrics);
            Ok((pubsub, incoming))
        }
        #[cfg(feature = "postgres")]
        PubSubBackend::Pg => {
            let url = config.database_url.clone().context("PUBSUB__BACKEND=pg needs DATABASE_URL")?;
            let (pubsub, incoming) = bus::notify::PgPubSub::connect(url, part, vital, config.channel.pollers());
            pubsub.signals().register(metrics);
            Ok((pubsub, incoming))
        }
        #[cfg(not(feature = "postgres"))]
        PubSubBackend::Pg => anyhow::bail!("this build has no PostgreSQL: set PUBSUB__BACKEND=redis"),
    }
}

async fn watch_chat_service(chat_service: Arc<dyn ChatService>, part: Part) {
    loop {
        match tokio::time::timeout(ANSWER_WITHIN, chat_service.tops(TopsRequest::default())).await {
            Ok(Ok(_)) => part.up(),
            Ok(Err(error)) => part.down(error.message),
            Err(_) => part.down("no answer in 3 s"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

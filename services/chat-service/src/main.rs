//! chat-service as a process of its own: serving, or one command of `commands`.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use actix_web::{App, web};
use anyhow::Context;
use bus::outbox::LaneWaker;
use bus::{BrokerBackend, BrokerConfig, SignalSink};
use chat_service::commands::AdminCommand;
use chat_service::relay::Relay;
use chat_service::{AppState, Config, ServiceContext, announce_first_admin, app, migrate, start};
use clap::{Args, Parser, Subcommand};
use http_server::{Connections, HttpConfig, Server};
use secrecy::SecretString;
use telemetry::{Health, Metrics, TelemetryConfig, Vital};
use tokio_util::sync::CancellationToken;

/// Memory that many connections have had goes back to the system, and memory that comes and goes leaves fewer holes
/// between memory that stays than with the allocator of the C library.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// REST, accounts, permissions and history of Switchboard.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Serve; the same as no command
    Serve,
    /// Migrate the database and stop
    Migrate,
    #[command(flatten)]
    Admin(AdminCommand),
}

#[derive(Args)]
struct Serve {
    /// Where to listen
    #[arg(long, env = "HTTP__BIND", default_value = "127.0.0.1:8081")]
    http_bind: SocketAddr,
    /// How many connections one address may have at once; IPv6 counts by /64. 0 for any: proxies and gateways stand before it
    #[arg(long, env = "HTTP__CONNECTIONS_PER_ADDRESS", default_value_t = 0)]
    connections_per_address: usize,
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    broker: BrokerConfig,
    #[command(flatten)]
    telemetry: TelemetryConfig,
}

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::exit::report("chat-service", run(Cli::parse()).await)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        None | Some(Command::Serve) => serve(cli.serve).await,
        Some(Command::Migrate) => {
            let done = migrate(&cli.serve.config.database.url()?).await?;
            println!("{} migrations run", done.len());
            Ok(())
        }
        Some(Command::Admin(command)) => command.run(&cli.serve.config).await,
    }
}

async fn serve(serve: Serve) -> anyhow::Result<()> {
    let _telemetry = telemetry::init("chat-service", &serve.telemetry)?;
    serve.config.auth.require_internal_secret()?;
    let (database_url, vital) = (serve.config.database.url()?, Vital::new());
    let context = ServiceContext {
        health: Health::new(),
        metrics: Metrics::new(),
        waker: LaneWaker::new(serve.config.outbox_lanes),
        signals: signals(&serve.broker, database_url.clone(), &vital)?,
        vital,
        shutdown: CancellationToken::new(),
    };
    context.health.register(&context.metrics);
    let (state, background) = start(&serve.config, &context)?;
    let mut background = tokio::spawn(background.run());
    let link = context.vital.spawn("nudges", context.waker.clone().run_link(database_url, context.shutdown.clone()));
    let relay = Relay::from_config(&serve.broker, &serve.config, &context)?;
    let relay = relay.map(|relay| context.vital.spawn("the relay", relay.run(state.clone(), context.shutdown.clone())));

    let here = http_server::probes::metrics_apart(&serve.telemetry, &context.health, &context.metrics, &context.vital)?;
    let server = listen(serve.http_bind, serve.connections_per_address, &state, &context, here)?;
    let address = format!("http://{}", server.address());
    let announced = tokio::spawn(announce_first_admin(state.clone(), address));
    let ended = tokio::select! {
        () = telemetry::shutdown::requested() => Ok(()),
        ended = &mut background => ended?.context("this database cannot be served"),
        lost = context.vital.lost() => Err(lost.into()),
    };
    announced.abort();
    context.health.part("process").down("shutting down");
    state.end_waits();
    server.stop().await;
    state.finish_writes().await;
    context.shutdown.cancel();
    // A panic in one of them is told by `ended`.
    let _ = link.await;
    if let Some(relay) = relay {
        let _ = relay.await;
    }
    ended
}

/// By way of RabbitMQ and the dispatcher; without RabbitMQ by NOTIFY.
fn signals(broker: &BrokerConfig, database_url: SecretString, vital: &Vital) -> anyhow::Result<SignalSink> {
    Ok(match broker.backend {
        BrokerBackend::Amqp => bus::amqp::signal_sink(broker.amqp_address()?, vital),
        BrokerBackend::Pg => bus::notify::signal_sink(database_url, vital),
    })
}

/// Listens. Requests in flight are finished when it is stopped, but not for longer than 10 s.
fn listen(
    bind: SocketAddr,
    connections_per_address: usize,
    state: &AppState,
    context: &ServiceContext,
    metrics: Option<Metrics>,
) -> anyhow::Result<Server> {
    let probes = telemetry::http::configure(context.health.clone(), metrics);
    let routes = app::configure(state.clone());
    let app = move || {
        App::new()
            .wrap(telemetry::http::request_tracing())
            .configure(probes.clone())
            .configure(routes.clone())
            .default_service(web::to(app::not_found))
    };
    let listener = TcpListener::bind(bind).with_context(|| format!("cannot listen on {bind}"))?;
    context.health.part("process").up();
    let is_behind_proxies = state.is_behind_proxies();
    let connections = Connections::new(HttpConfig { connections_per_address }, is_behind_proxies, &context.metrics);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(http_server::listen(listener, threads, &connections, &context.vital, app)?.announced())
}

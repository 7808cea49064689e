//! Sets up logs and the export of traces, once per process.

use std::io::IsTerminal;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::{LogFormat, TelemetryConfig};

/// Libraries that send traces, or that the sending goes through: tracing them would trace the tracing. And
/// [`NEVER_LOGGED`].
const NEVER_EXPORTED: [&str; 7] =
    ["opentelemetry", "opentelemetry_sdk", "opentelemetry_otlp", "reqwest", "hyper", "h2", "lapin::returned_messages"];

/// lapin logs a message that the broker returns whole, body and all.
const NEVER_LOGGED: &str = "lapin::returned_messages=off";

/// actix-http logs a line for whatever is no HTTP, without saying whose it was: `http-server` does that, and not for ever.
const LOGGED_ELSEWHERE: &str = "actix_http::h1::dispatcher=off";

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// `LOG__FILTER` cannot be read.
    #[error("LOG__FILTER is not a filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// An `OTEL_*` variable is not good.
    #[error("the export of traces cannot be set up: {0}")]
    Export(#[from] opentelemetry_otlp::ExporterBuildError),
    /// It was called twice.
    #[error("logging is set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Keep it until the end of `main`: dropping it sends the last spans.
#[must_use = "dropped at once, it ends the export of traces"]
#[derive(Debug)]
pub struct Guard(Option<SdkTracerProvider>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(Err(why)) = self.0.as_ref().map(SdkTracerProvider::shutdown) {
            tracing::warn!(%why, "the last spans could not be exported");
        }
    }
}

/// Starts logging to standard output, and the export of traces where the environment asks for it.
///
/// Sampling follows the caller's decision, and `OTEL_TRACES_SAMPLER` where there is no caller. Without export no trace
/// layer is installed at all.
pub fn init(service_name: &'static str, config: &TelemetryConfig) -> Result<Guard, InitError> {
    let filter = EnvFilter::try_new(&config.log_filter)?.add_directive(NEVER_LOGGED.parse()?);
    let filter = filter.add_directive(LOGGED_ELSEWHERE.parse()?);
    let provider = export_is_wanted().then(|| tracer_provider(service_name)).transpose()?;
    let traces = provider.as_ref().map(|provider| trace_layer(provider.tracer("switchboard")));
    Registry::default().with(log_layer(config.log_format).with_filter(filter)).with(traces).try_init()?;
    Ok(Guard(provider))
}

fn log_layer<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    match format {
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        LogFormat::Text => fmt::layer().with_ansi(std::io::stdout().is_terminal()).with_target(false).boxed(),
    }
}

fn trace_layer<S>(tracer: SdkTracer) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let quiet = NEVER_EXPORTED.into_iter().map(|target| (target, LevelFilter::OFF));
    let filter = Targets::new().with_default(LevelFilter::INFO).with_targets(quiet);
    tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false).with_filter(filter)
}

fn tracer_provider(service_name: &'static str) -> Result<SdkTracerProvider, InitError> {
    let exporter = SpanExporter::builder().with_http().build()?;
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource(service_name)).build())
}

fn resource(service_name: &'static str) -> Resource {
    let resource = Resource::builder();
    if is_set("OTEL_SERVICE_NAME") { resource.build() } else { resource.with_service_name(service_name).build() }
}

/// The switches of the OpenTelemetry specification; an empty variable counts as unset there.
fn export_is_wanted() -> bool {
    let says = |name, value: &str| std::env::var(name).is_ok_and(|text| text.eq_ignore_ascii_case(value));
    (is_set("OTEL_EXPORTER_OTLP_ENDPOINT") || is_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
        && !says("OTEL_SDK_DISABLED", "true")
        && !says("OTEL_TRACES_EXPORTER", "none")
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

//! The settings of logs and metrics from the environment.

/// Logs and metrics. Traces follow the standard `OTEL_*` variables: they are exported (OTLP over HTTP, protobuf) when
/// `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set.
#[derive(Debug, Clone, clap::Args)]
pub struct TelemetryConfig {
    /// Which events are logged: a level, or directives like `info,bus=debug`
    #[arg(long = "log-filter", env = "LOG__FILTER", default_value = "info")]
    pub log_filter: String,
    /// `text` for people, `json` for programs: one object a line
    #[arg(long = "log-format", env = "LOG__FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// An address of its own for `/metrics`, as in `0.0.0.0:9090`; `/healthz` and `/readyz` are served there too. Without it
    /// `/metrics` is where the rest is
    #[arg(long = "metrics-bind", env = "METRICS__BIND")]
    pub metrics_bind: Option<String>,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

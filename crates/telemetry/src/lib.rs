//! Seeing a service work: logs, traces, metrics and health, the same in every service.
//!
//! - [`config`]: the settings of logs and metrics
//! - [`init`](fn@init): sets up logs and the export of traces, once per process
//! - [`trace`]: carries W3C trace context from one process to the next
//! - [`health`]: which parts are up, for `/readyz`
//! - [`metrics`]: the registry behind `/metrics`
//! - `process_metrics`: memory, processor time and open files, in every registry
//! - [`http`]: the probe routes, and a span for each request · [`labels`]: text from outside, made short
//! - [`vital`]: tasks without which a process must not go on
//! - [`shutdown`]: waits until the process is told to end · [`exit`]: how it ends
//!
//! Every server logs exactly `listening` with a field `addr` once it accepts connections; where the metrics have an address of
//! their own, `metrics are served` with a field `addr`.

pub mod config;
pub mod exit;
pub mod health;
pub mod http;
mod init;
pub mod labels;
pub mod metrics;
mod process_metrics;
pub mod shutdown;
pub mod trace;
pub mod vital;

pub use config::{LogFormat, TelemetryConfig};
pub use health::{Health, IfDown, Part};
pub use init::{Guard, InitError, init};
pub use metrics::Metrics;
pub use vital::Vital;

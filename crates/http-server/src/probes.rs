//! The probe routes alone, for a service that has no HTTP of its own.

use std::net::{TcpListener, ToSocketAddrs};

use actix_web::App;
use telemetry::{Health, Metrics};

use crate::config::HttpConfig;
use crate::connections::Connections;
use crate::listening::{Server, listen};

/// Serves them. It listens at once.
pub fn serve(bind: impl ToSocketAddrs, health: Health, metrics: Metrics) -> anyhow::Result<Server> {
    let connections = Connections::new(HttpConfig::default(), false, &metrics);
    let configure = telemetry::http::configure(health, metrics);
    listen(TcpListener::bind(bind)?, 1, &connections, move || App::new().configure(configure.clone()))
}

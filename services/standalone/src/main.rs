//! All of Switchboard in one process.
//!
//! - `config`: settings · `keys`: made once, kept beside the data
//! - `app`: puts the parts together, serves them on one port, brings them down in good order
//! - `in_process`: the gateway asks chat-service without HTTP

mod app;
mod config;
mod demo_operator;
mod in_process;
mod keys;

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut config = config::Config::parse();
    let _telemetry = telemetry::init("switchboard", &config.telemetry)?;
    keys::complete(&mut config.chat.auth, &config.data_dir)?;
    app::run(config).await
}

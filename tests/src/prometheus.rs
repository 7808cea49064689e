//! Prometheus with our own configuration and rules, as docs/infra/runbook.md recommends them.

use std::fmt::Write as _;
use std::fs;

use reqwest::Url;
use serde_json::Value;
use tempfile::TempDir;
use test_support::wait::wait_until;
use test_support::{Process, Program};

use crate::chain::Chain;
use crate::front::{free_address, installed};

/// Our configuration.
const OURS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus");

/// A running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    url: String,
    http: reqwest::Client,
    _process: Process,
    _folder: TempDir,
}

impl Prometheus {
    /// Watches the services of a chain, each as the names of our configuration find it by DNS elsewhere.
    pub async fn watching(chain: &Chain) -> Self {
        let (folder, address) = (TempDir::new().expect("a temporary folder"), free_address().authority);
        let ours = fs::read_to_string(format!("{OURS}/prometheus.yml")).expect("our configuration");
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, with_addresses(&ours, chain)).expect("a file in a temporary folder");
        fs::copy(format!("{OURS}/alerts.yml"), folder.path().join("alerts.yml")).expect("our rules");
        let process = Program::at("prometheus", installed("prometheus"))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .start();
        let this = Self {
            url: format!("http://{address}/api/v1"),
            http: reqwest::Client::new(),
            _process: process,
            _folder: folder,
        };
        wait_until("Prometheus to answer", async || this.ask("/status/buildinfo", "").await.map(drop)).await;
        this
    }

    /// The value of the first sample that an expression finds.
    pub async fn value(&self, expression: &str) -> Option<f64> {
        let found = self.ask("/query", expression).await?;
        found["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    /// The names of the alerts that fire, each with its part.
    pub async fn firing(&self) -> Vec<(String, String)> {
        let found = self.ask("/alerts", "").await;
        let alerts = found.as_ref().and_then(|found| found["data"]["alerts"].as_array()).cloned().unwrap_or_default();
        let label = |alert: &Value, name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.map(|alert| (label(alert, "alertname"), label(alert, "part"))).collect()
    }

    async fn ask(&self, path: &str, expression: &str) -> Option<Value> {
        let url = Url::parse_with_params(&format!("{}{path}", self.url), [("query", expression)]).expect("a URL");
        self.http.get(url).send().await.ok()?.json().await.ok()
    }
}

/// The configuration with the chain's addresses in the place of DNS.
fn with_addresses(ours: &str, chain: &Chain) -> String {
    let (mut text, mut lines) = (String::new(), ours.lines());
    while let Some(line) = lines.next() {
        if line.trim() != "dns_sd_configs:" {
            text += line;
            text.push('\n');
            continue;
        }
        let names = lines.next().and_then(|line| line.split_once('[')).expect("names").1;
        let kind = [lines.next(), lines.next()].map(|line| line.expect("a line").trim());
        assert_eq!(kind, ["type: A", "port: 9090"], "where docker-compose.yml has METRICS__BIND");
        let addresses = names.trim_end_matches(']').split(", ").map(|name| format!("'{}'", chain.address_of(name)));
        let addresses: Vec<String> = addresses.collect();
        writeln!(text, "    static_configs:\n      - targets: [{}]", addresses.join(", ")).expect("text");
    }
    text
}

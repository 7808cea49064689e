//! A standalone that is attacked, on a database of its own.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use reqwest::Client;
use test_support::process::wait_until_ready;
use test_support::{Database, Process, Program, fresh_database};
use tokio::time::Instant;

use super::attacker::Target;
use crate::programs::{Secrets, at_any_port, started};
use crate::visitor::Visitor;

/// An account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) email: &'static str,
    pub(crate) password: &'static str,
}

/// Of the neighbours.
pub(crate) const OPERATOR: Account = Account { email: "olga@example.com", password: "correct horse battery" };
/// Of the attacker, who may log in too.
pub(crate) const STRANGER: Account = Account { email: "mallory@example.com", password: "a staple of batteries" };

pub(crate) struct Subject {
    process: Process,
    pub(crate) address: SocketAddr,
    _database: Database,
}

impl Subject {
    /// Starts it with its limits as they are by default, but for what the attack has to come past.
    pub(crate) async fn start(program: &Path, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let (database, secrets) = (fresh_database().await, Secrets::new());
        let with = |program: Program| secrets.give(at_any_port(program)).env("DATABASE_URL", database.url());
        let mut standalone = with(Program::at("standalone", program.to_owned())).env("DEMO_OPERATOR", "false");
        for (name, value) in environment {
            standalone = standalone.env(name, *value);
        }
        let (process, address) = started(standalone).await;
        wait_until_ready(&format!("http://{address}/readyz")).await;
        let command = program.with_file_name("chat-service");
        anyhow::ensure!(command.is_file(), "there is no chat-service beside {}", program.display());
        for (Account { email, password }, role) in [(OPERATOR, "operator"), (STRANGER, "user")] {
            let add = with(Program::at("chat-service", command.clone())).arg("user").arg("add").arg("--password-stdin");
            let add = add.arg("--email").arg(email).arg("--name").arg("Somebody").arg("--role").arg(role);
            let _printed = add.run(&format!("{password}\n"));
        }
        Ok(Self { process, address, _database: database })
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Anybody may open one.
    pub(crate) async fn attackers_session(&self) -> anyhow::Result<Target> {
        let visitor = Visitor::open(&Client::new(), &self.url()).await.context("the attacker's session")?;
        Ok(Target { address: self.address, until: Instant::now(), session: visitor.session, token: visitor.token })
    }
}

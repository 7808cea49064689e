//! The work of the command line beside serving: one file for each thing that it acts on.

mod chat;
mod jobs;
mod site;
mod user;

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use clap::Subcommand;

pub use chat::ChatCommand;
pub use jobs::JobsCommand;
pub use site::SiteCommand;
pub use user::UserCommand;

use crate::Config;
use crate::admin::Admin;

/// A command of an administrator.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Chats that are not sessions
    #[command(subcommand)]
    Chat(ChatCommand),
    /// Web sites whose visitors open sessions
    #[command(subcommand)]
    Site(SiteCommand),
    /// What must be done later
    #[command(subcommand)]
    Jobs(JobsCommand),
}

impl AdminCommand {
    /// Does it, on a database that it migrates first.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let admin = Admin::connect(&config.database.url()?, config.outbox_lanes).await?;
        match self {
            Self::User(command) => command.run(admin).await,
            Self::Chat(command) => command.run(admin).await,
            Self::Site(command) => command.run(admin).await,
            Self::Jobs(command) => command.run(admin).await,
        }
    }
}

/// Prints a line of a list. A reader that has seen enough, such as `head`, ends the list.
fn print_line(line: impl Display) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        printed => Ok(printed?),
    }
}

//! `user`: accounts.

use std::io::Read;

use crate::accounts::Account;
use crate::admin::{Admin, parse_role};
use crate::error::Error;
use anyhow::Context;
use channel_auth::Role;
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account; without `--password-stdin` its password is made and printed once
    Add {
        /// Unique without regard to case
        #[arg(long)]
        email: String,
        /// The name that others see
        #[arg(long)]
        name: String,
        /// user, operator or admin
        #[arg(long, value_parser = parse_role)]
        role: Role,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Close an account: all its logins end, and nobody can log in to it
    Disable {
        /// Which
        #[arg(long)]
        email: String,
    },
    /// Open a closed account again; it has to log in anew
    Enable {
        /// Which
        #[arg(long)]
        email: String,
    },
    /// Give an account another role: it counts at once for what it may do, and closes an operator's sockets that it may not
    /// have any more; a new right is there with the next access token, after a refresh or a login
    Role {
        /// Which
        #[arg(long)]
        email: String,
        /// user, operator or admin
        #[arg(long, value_parser = parse_role)]
        role: Role,
    },
    /// End all logins of an account
    Logout {
        /// Which
        #[arg(long)]
        email: String,
    },
}

impl UserCommand {
    pub(super) async fn run(self, mut admin: Admin) -> anyhow::Result<()> {
        match self {
            Self::Add { email, name, role, password_stdin } => {
                let password = password_stdin.then(read_password).transpose()?;
                return add(&mut admin, Account { email, name, role, password }).await;
            }
            Self::Disable { email } => admin.disable_user(&email).await.map(|()| format!("{email} is closed")),
            Self::Enable { email } => admin.enable_user(&email).await.map(|()| format!("{email} is open")),
            Self::Role { email, role } => admin.set_role(&email, role).await.map(|()| format!("{email} has that role")),
            Self::Logout { email } => admin.log_out_user(&email).await.map(|()| format!("{email} is logged out")),
        }
        .map(|done| println!("{done}"))
        .map_err(Error::into_body)?;
        Ok(())
    }
}

async fn add(admin: &mut Admin, account: Account) -> anyhow::Result<()> {
    let made = admin.add_user(account).await.map_err(Error::into_body)?;
    println!("id: {}", made.id);
    if let Some(password) = made.password {
        println!("password: {password}");
    }
    Ok(())
}

fn read_password() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("the password could not be read")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

//! `user`: accounts.

use std::io::Read;

use super::print_line;
use crate::accounts::{Account, ListedAccount};
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
        /// The key of a site in which an operator works, any number of times; all sites, if there is none
        #[arg(long = "site")]
        sites: Vec<String>,
    },
    /// Print the accounts: id, address, name, role, the keys of the sites in which an operator works (`*`: all), and whether it is closed
    List,
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
    /// Give an account another name to show; messages keep the name of their time
    Rename {
        /// Which
        #[arg(long)]
        email: String,
        /// The name that others see
        #[arg(long)]
        name: String,
    },
    /// Let an operator work in a site, or in all: its sockets come again within seconds
    Grant {
        /// Which
        #[arg(long)]
        email: String,
        /// The key of the site; all sites, if it is left out
        #[arg(long)]
        site: Option<String>,
    },
    /// Take the right to work in a site, or in all; an operator without any sees no session
    Ungrant {
        /// Which
        #[arg(long)]
        email: String,
        /// The key of the site; the right to all sites, if it is left out
        #[arg(long)]
        site: Option<String>,
    },
    /// Give an account another password, and end all its logins; without `--password-stdin` it is made and printed once
    Password {
        /// Which
        #[arg(long)]
        email: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
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
            Self::Add { email, name, role, password_stdin, sites } => {
                let password = password_stdin.then(read_password).transpose()?;
                return add(&mut admin, Account { email, name, role, password, sites }).await;
            }
            Self::List => {
                for account in admin.users().await.map_err(Error::into_body)? {
                    let closed = if account.is_active { "" } else { "\tclosed" };
                    let ListedAccount { id, email, name, role, sites, .. } = account;
                    let sites = sites.join(",");
                    print_line(format_args!("{id}\t{email}\t{name}\t{}\t{sites}{closed}", role.as_str()))?;
                }
                return Ok(());
            }
            Self::Disable { email } => admin.disable_user(&email).await.map(|()| format!("{email} is closed")),
            Self::Enable { email } => admin.enable_user(&email).await.map(|()| format!("{email} is open")),
            Self::Role { email, role } => admin.set_role(&email, role).await.map(|has_all_sites| {
                let sites = if has_all_sites { ", and works in all sites" } else { "" };
                format!("{email} has that role{sites}")
            }),
            Self::Rename { email, name } => {
                admin.rename_user(&email, &name).await.map(|()| format!("{email} has that name"))
            }
            Self::Grant { email, site } => {
                let done = admin.grant(&email, site.as_deref()).await;
                done.map(|()| format!("{email} works in {}", named(site.as_deref())))
            }
            Self::Ungrant { email, site } => admin.ungrant(&email, site.as_deref()).await.map(|was_there| {
                let site = named(site.as_deref());
                if was_there {
                    format!("{email} does not work in {site} any more")
                } else {
                    format!("{email} did not work in {site}")
                }
            }),
            Self::Password { email, password_stdin } => {
                let password = password_stdin.then(read_password).transpose()?;
                let made = admin.set_password(&email, password).await;
                made.map(|made| {
                    made.map_or_else(|| format!("{email} has that password"), |made| format!("password: {made}"))
                })
            }
            Self::Logout { email } => admin.log_out_user(&email).await.map(|()| format!("{email} is logged out")),
        }
        .map(|done| println!("{done}"))
        .map_err(Error::into_body)?;
        Ok(())
    }
}

fn named(site: Option<&str>) -> String {
    site.map_or_else(|| "all sites".to_owned(), |key| format!("the site {key}"))
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

//! `site`: web sites.

use clap::Subcommand;

use super::print_line;
use crate::admin::Admin;
use crate::error::Error;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Make a site and print its id
    Add {
        /// Its public name in requests: small letters, digits, `-` and `_`
        #[arg(long)]
        key: String,
        /// The name to show
        #[arg(long)]
        name: String,
    },
    /// Print all sites: id, key, name
    List,
    /// Give a site another name to show
    Rename {
        /// Which
        #[arg(long)]
        key: String,
        /// The name to show
        #[arg(long)]
        name: String,
    },
    /// Nobody can open a session there any more; its sessions stay
    Archive {
        /// Which
        #[arg(long)]
        key: String,
    },
    /// Open an archived site again
    Restore {
        /// Which
        #[arg(long)]
        key: String,
    },
}

impl SiteCommand {
    pub(super) async fn run(self, mut admin: Admin) -> anyhow::Result<()> {
        match self {
            Self::Add { key, name } => {
                let id = admin.add_site(&key, &name).await.map_err(Error::into_body)?;
                println!("id: {id}");
            }
            Self::List => {
                for site in admin.sites().await.map_err(Error::into_body)? {
                    let archived = if site.archived_at.is_some() { "\tarchived" } else { "" };
                    print_line(format_args!("{}\t{}\t{}{archived}", site.id, site.key, site.name))?;
                }
            }
            Self::Rename { key, name } => {
                admin.rename_site(&key, &name).await.map_err(Error::into_body)?;
                println!("{key} has that name");
            }
            Self::Archive { key } => {
                admin.archive_site(&key, true).await.map_err(Error::into_body)?;
                println!("{key} is archived");
            }
            Self::Restore { key } => {
                admin.archive_site(&key, false).await.map_err(Error::into_body)?;
                println!("{key} is open");
            }
        }
        Ok(())
    }
}

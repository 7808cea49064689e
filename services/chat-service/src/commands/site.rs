//! `site`: web sites.

use clap::{ArgAction, Args, Subcommand};
use serde_json::{Map, Value};

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
    /// Print the settings of a site as JSON
    Show {
        /// Which
        #[arg(long)]
        key: String,
    },
    /// Change settings of a site; those that are not given stay
    Set {
        /// Which
        #[arg(long)]
        key: String,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Let pages of an origin show the widget: `https://shop.example`, `https://*.shop.example`, or `*` for every page
    Allow {
        /// Which
        #[arg(long)]
        key: String,
        /// Origins, separated by commas
        #[arg(long, value_delimiter = ',', required = true)]
        origin: Vec<String>,
    },
    /// Pages of an origin show the widget no more
    Disallow {
        /// Which
        #[arg(long)]
        key: String,
        /// Origins, separated by commas
        #[arg(long, value_delimiter = ',', required = true)]
        origin: Vec<String>,
    },
    /// Print the pages that were refused: origin, how often, when last
    Refused {
        /// Which
        #[arg(long)]
        key: String,
    },
    /// Make a key with which the site signs its visitors' identities, and print its name and its secret, once
    AddIdentityKey {
        /// Which
        #[arg(long)]
        key: String,
    },
    /// Print the names of a site's identity keys
    IdentityKeys {
        /// Which
        #[arg(long)]
        key: String,
    },
    /// Remove an identity key: what it has signed is refused from now on
    RemoveIdentityKey {
        /// Which
        #[arg(long)]
        key: String,
        /// The key's name
        #[arg(long)]
        kid: String,
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

/// Settings of a site, as the REST interface has them.
#[derive(Debug, Args)]
pub struct Settings {
    /// The widget's colour, such as `#1f6feb`; an empty text for the usual one
    #[arg(long)]
    color: Option<String>,
    /// Where the launcher stands: `right` or `left`
    #[arg(long)]
    position: Option<String>,
    /// The languages of the widget, separated by commas; the first for those who read none of them
    #[arg(long, value_delimiter = ',')]
    languages: Option<Vec<String>>,
    /// Texts by language, as JSON: `{"en": {"title": "…", "greeting": "…", "away": "…"}}`
    #[arg(long)]
    texts: Option<String>,
    /// Whether the widget asks for a name before the first message: `off`, `optional` or `required`
    #[arg(long)]
    prechat_name: Option<String>,
    /// The same of an e-mail address
    #[arg(long)]
    prechat_email: Option<String>,
    /// Whether the widget shows the names of operators who are there
    #[arg(long, action = ArgAction::Set)]
    shows_operators: Option<bool>,
    /// Whether visitors are refused whose identity the site has not signed
    #[arg(long, action = ArgAction::Set)]
    identity_required: Option<bool>,
}

impl Settings {
    /// As the body of a request.
    fn into_json(self) -> anyhow::Result<Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        put("color", self.color.map(|color| if color.is_empty() { Value::Null } else { color.into() }));
        put("position", self.position.map(Value::from));
        put("languages", self.languages.map(Value::from));
        put("texts", self.texts.map(|texts| serde_json::from_str(&texts)).transpose()?);
        put("shows_operators", self.shows_operators.map(Value::from));
        put("identity_required", self.identity_required.map(Value::from));
        put("prechat_name", self.prechat_name.map(Value::from));
        put("prechat_email", self.prechat_email.map(Value::from));
        Ok(Value::Object(body))
    }
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
            Self::Show { key } => {
                let shown = admin.site(&key).await.map_err(Error::into_body)?;
                println!("{}", serde_json::to_string_pretty(&shown)?);
            }
            Self::Set { key, settings } => {
                admin.change_site(&key, settings.into_json()?).await.map_err(Error::into_body)?;
                println!("{key} is changed");
            }
            Self::Allow { key, origin } => {
                let origins = admin.allow_origins(&key, &origin).await.map_err(Error::into_body)?;
                println!("{key} is shown by pages of: {}", origins.join(", "));
            }
            Self::Disallow { key, origin } => {
                let origins = admin.disallow_origins(&key, &origin).await.map_err(Error::into_body)?;
                println!("{key} is shown by pages of: {}", origins.join(", "));
            }
            Self::Refused { key } => {
                for (origin, times, last) in admin.refused_origins(&key).await.map_err(Error::into_body)? {
                    print_line(format_args!("{origin}\t{times}\t{last}"))?;
                }
            }
            Self::AddIdentityKey { key } => {
                let (kid, secret) = admin.add_identity_key(&key).await.map_err(Error::into_body)?;
                println!("kid: {kid}\nsecret: {secret}");
            }
            Self::IdentityKeys { key } => {
                for kid in admin.identity_keys(&key).await.map_err(Error::into_body)? {
                    print_line(format_args!("{kid}"))?;
                }
            }
            Self::RemoveIdentityKey { key, kid } => {
                let was_there = admin.remove_identity_key(&key, &kid).await.map_err(Error::into_body)?;
                anyhow::ensure!(was_there, "{key} has no identity key {kid}");
                println!("{kid} is removed");
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

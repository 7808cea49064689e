//! `chat`: chats that are not sessions, and their members.

use crate::admin::{Admin, parse_kind};
use crate::error::Error;
use chat_events::{ChatId, ChatKind};
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum ChatCommand {
    /// Make a chat and print its id
    Create {
        /// direct, group, channel or record
        #[arg(long, value_parser = parse_kind)]
        kind: ChatKind,
        /// The name to show
        #[arg(long)]
        title: Option<String>,
        /// Address or id of a member; the first is the chat's admin
        #[arg(long = "member", required = true)]
        members: Vec<String>,
    },
    /// Bring somebody into a chat
    AddMember {
        /// The chat's id
        #[arg(long)]
        chat: ChatId,
        /// Address or id
        #[arg(long)]
        member: String,
        /// May also write in a channel
        #[arg(long)]
        admin: bool,
    },
    /// Take somebody out of a chat
    RemoveMember {
        /// The chat's id
        #[arg(long)]
        chat: ChatId,
        /// Address or id
        #[arg(long)]
        member: String,
    },
}

impl ChatCommand {
    pub(super) async fn run(self, mut admin: Admin) -> anyhow::Result<()> {
        match self {
            Self::Create { kind, title, members } => {
                let chat = admin.create_chat(kind, title, &members).await.map_err(Error::into_body)?;
                println!("id: {chat}");
            }
            Self::AddMember { chat, member, admin: is_admin } => {
                admin.add_member(chat, &member, is_admin).await.map_err(Error::into_body)?;
            }
            Self::RemoveMember { chat, member } => {
                admin.remove_member(chat, &member).await.map_err(Error::into_body)?;
            }
        }
        Ok(())
    }
}

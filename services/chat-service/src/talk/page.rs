//! The HTML of the page. Every text is escaped by the template.

use chat_events::{Message, SenderType};
use maud::{DOCTYPE, Markup, html};
use uuid::Uuid;

use super::links::{self, Part};
use super::texts::Texts;
use crate::sites::rows::Site;
use crate::sites::settings::Asks;

/// The query of the messages that do not read themselves anew, for who reads them at leisure.
pub(super) const STILL: &str = "still";

/// Seconds after which the messages are read anew.
const EVERY: u32 = 10;

/// Where and to whom a page is shown.
pub(super) struct Reader<'a> {
    pub(super) site: &'a Site,
    pub(super) language: &'a str,
    pub(super) texts: &'a Texts,
}

/// What the page has to say beside its form.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) is_online: bool,
    /// Whether the visitor has a session: its messages are shown, and its name is not asked for again.
    pub(super) has_session: bool,
    /// Why something was not sent.
    pub(super) error: Option<&'a str>,
    /// What was not sent.
    pub(super) unsent: &'a str,
}

/// The messages of the conversation.
#[derive(Default)]
pub(super) struct Shown<'a> {
    /// In their order.
    pub(super) messages: &'a [Message],
    pub(super) is_closed: bool,
    pub(super) is_still: bool,
}

fn whole(reader: &Reader<'_>, title: &str, refresh: Option<u32>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(reader.language) dir=(reader.texts.dir) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                @if let Some(seconds) = refresh { meta http-equiv="refresh" content=(seconds); }
                title { (title) }
                link rel="stylesheet" href="style.css";
            }
            body { (body) }
        }
    }
}

/// The page with its form. Its addresses are relative: a proxy may put a prefix before all paths.
pub(super) fn form(reader: &Reader<'_>, said: &Said<'_>) -> Markup {
    let Reader { site, texts, .. } = reader;
    let own = site.texts().remove(reader.language).unwrap_or_default();
    let title = own.title.map_or_else(|| site.name.clone(), |title| title.as_str().to_owned());
    let intro = if said.is_online { own.greeting } else { own.away };
    let usual = if said.is_online { &texts.online } else { &texts.away };
    let prechat = site.prechat();
    let asks_email = prechat.email != Asks::Off || !said.is_online;
    whole(
        reader,
        &title,
        None,
        &html! {
            main {
                h1 { bdi { (title) } }
                p dir="auto" { @match &intro { Some(intro) => (intro.as_str()), None => (usual) } }
                @if said.has_session {
                    iframe title=(texts.conversation) src="messages" {}
                }
                @if let Some(error) = said.error {
                    p.error role="alert" { (texts.not_sent) ": " (error) }
                }
                form method="post" action="send" {
                    input type="hidden" name="client_id" value=(Uuid::new_v4());
                    @if !said.has_session {
                        @if prechat.name != Asks::Off {
                            label { (labelled(&texts.name, prechat.name, texts))
                                input name="name" maxlength="200" autocomplete="name" required[prechat.name == Asks::Required];
                            }
                        }
                        @if asks_email {
                            label { (labelled(&texts.email, prechat.email, texts))
                                input type="email" name="email" maxlength="254" autocomplete="email" required[prechat.email == Asks::Required];
                            }
                        }
                    }
                    label { (texts.message)
                        textarea name="body" dir="auto" maxlength="10000" required { (said.unsent) }
                    }
                    button { (texts.send) }
                }
            }
        },
    )
}

/// A field that may be left empty says so.
fn labelled(label: &str, asked: Asks, texts: &Texts) -> Markup {
    html! { span { (label) @if asked != Asks::Required { " (" (texts.optional) ")" } } }
}

/// The messages alone, in a frame that reads itself anew. Its style has it begin at their end.
pub(super) fn messages(reader: &Reader<'_>, shown: &Shown<'_>) -> Markup {
    let texts = reader.texts;
    let Shown { messages, is_closed, is_still } = *shown;
    whole(
        reader,
        &texts.conversation,
        (!is_still).then_some(EVERY),
        &html! {
            div.scroll[!is_still] {
                div {
                    @if !is_still && !messages.is_empty() {
                        p.all { a href={ "messages?" (STILL) } target="_blank" { (texts.all_messages) } }
                    }
                    ol aria-label=(texts.conversation) {
                        @if messages.is_empty() { li { (texts.nothing_yet) } }
                        @for message in messages.iter().filter(|message| !message.is_deleted) { (one(message, texts)) }
                    }
                    @if is_closed { p { (texts.closed) } }
                }
            }
        },
    )
}

fn one(message: &Message, texts: &Texts) -> Markup {
    let is_own = message.sender_type == SenderType::Client;
    html! {
        li.own[is_own] {
            small {
                @match &message.sender_name {
                    _ if is_own => (texts.you),
                    Some(name) => bdi { (name) },
                    None => (texts.operator),
                }
                " · " time datetime=(message.created_at.to_rfc3339()) { (message.created_at.format("%Y-%m-%d %H:%M UTC")) }
            }
            div dir="auto" {
                @for part in links::parts(message.body.as_str()) {
                    @match part {
                        Part::Text(text) => (text),
                        Part::Link(address) => a href=(address) target="_blank" rel="noopener noreferrer nofollow" { (address) },
                    }
                }
            }
        }
    }
}

/// A page that says one thing. `style` is where its style is, seen from it.
pub(super) fn notice(language: &str, texts: &Texts, words: &str, style: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language) dir=(texts.dir) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (words) }
                link rel="stylesheet" href=(style);
            }
            body { main { p role="alert" { (words) } } }
        }
    }
}

//! `/talk/{key}`: a conversation in plain HTML, without JavaScript. The widget's tag links to it, and so may a QR code or an app
//! with a web view.
//!
//! - [`routes`]: the form, what it sends, and the messages in a frame that reads itself anew
//! - [`page`]: the HTML; [`links`]: addresses in messages; [`style`]: the site's colour
//! - [`texts`]: its words in the languages of the widget

mod links;
mod page;
pub(crate) mod routes;
mod style;
mod texts;

//! The caller that waits for an answer, as far as its connection tells of it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use http_server::Connection;

/// The caller that waits for an answer. None where nothing is known of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asker(Option<Arc<Connection>>);

impl Asker {
    /// Whether it waits no more.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.as_ref().is_some_and(|connection| connection.peer_has_ended())
    }
}

impl FromRequest for Asker {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.conn_data::<Arc<Connection>>().cloned())))
    }
}

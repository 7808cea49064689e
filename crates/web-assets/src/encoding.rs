//! Which form of a file a client is given (RFC 9110, section 12.5.3).

use actix_web::HttpRequest;
use actix_web::http::header::{AcceptEncoding, Encoding, Header, Preference, Quality};

/// How much a client wants each form.
pub(crate) struct Accepted(Option<AcceptEncoding>);

impl Accepted {
    /// As the request says. A header that cannot be read, like one that is missing, accepts the plain form alone.
    pub(crate) fn by(request: &HttpRequest) -> Self {
        Self(AcceptEncoding::parse(request).ok())
    }

    /// None for an encoding that is not accepted.
    pub(crate) fn quality(&self, encoding: &Encoding) -> Option<Quality> {
        let items = self.0.as_ref()?;
        let named = items.iter().find(|item| item.item == Preference::Specific(encoding.clone()));
        let other = || items.iter().find(|item| item.item == Preference::Any);
        named.or_else(other).map(|item| item.quality).filter(|quality| *quality > Quality::ZERO)
    }

    /// The plain form is accepted where nothing is said of it, but less than all that is named.
    pub(crate) fn quality_of_plain(&self) -> Quality {
        let items = self.0.iter().flat_map(|items| items.iter());
        let mut named = items.filter(|item| item.item == Preference::Specific(Encoding::identity()));
        named.next().map_or(Quality::MIN, |item| item.quality)
    }
}

//! Which operators are there to answer: those who are connected, as their gateways say.
//!
//! - [`renew`](mod@renew): a gateway says which operators it holds · [`here`]: the operators of a site who are here

mod here;
mod renew;

pub(crate) use here::of_site;
pub(crate) use renew::renew;

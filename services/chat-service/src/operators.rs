//! Which operators are there to answer: those who are connected, as their gateways say, and take sessions, as they say themselves.
//!
//! - `routes`: over REST
//! - [`renew`](mod@renew): a gateway says which operators it holds · [`here`]: the operators of a site who are here to answer
//! - [`state`]: whether they take sessions; [`tell`]: others are told of it · [`list`](mod@list): all of them

mod here;
mod list;
mod renew;
pub(crate) mod routes;
mod state;
pub(crate) mod tell;

pub(crate) use here::of_site;
pub(crate) use renew::renew;

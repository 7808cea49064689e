//! The people of the installation, as admins see and change them, and what each may change of its own account.
//!
//! - `routes`: over REST
//! - [`list`](mod@list): accounts, for admins; [`change`](mod@change): their names, roles, sites, and whether they are open
//! - [`own`]: one's own name and password
//! - [`logins`]: the logins of an account

mod change;
mod list;
mod logins;
mod own;
pub(crate) mod routes;

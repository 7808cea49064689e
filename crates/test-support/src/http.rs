//! HTTP for what surrounds a test.

use std::sync::LazyLock;

use reqwest::Client;

/// Made once: each reads all certificates of the machine. It keeps no connection, since those end with the runtime of the test
/// that made them.
pub(crate) fn client() -> &'static Client {
    static CLIENT: LazyLock<Client> =
        LazyLock::new(|| Client::builder().pool_max_idle_per_host(0).build().expect("a client"));
    &CLIENT
}

//! Where PostgreSQL, RabbitMQ and Redis are. `make test` starts them and sets the variables.

use std::path::PathBuf;

/// The servers that the tests use.
#[derive(Clone)]
pub struct Servers {
    /// A PostgreSQL URL of a role that may create databases.
    pub database_url: String,
    /// An AMQP URL; its virtual host is not used.
    pub amqp_url: String,
    /// RabbitMQ's management API, with credentials.
    pub amqp_admin_url: String,
    /// A Redis URL.
    pub redis_url: String,
}

impl Servers {
    /// All of them.
    #[must_use]
    pub fn from_env() -> Self {
        Self {
            database_url: variable("TEST_DATABASE_URL"),
            amqp_url: variable("TEST_AMQP_URL"),
            amqp_admin_url: variable("TEST_AMQP_ADMIN_URL"),
            redis_url: variable("TEST_REDIS_URL"),
        }
    }
}

/// The same servers by TLS, with a certificate of `localhost`. `make test` starts them; servers that were given by the
/// environment have none.
#[derive(Debug, Clone)]
pub struct TlsServers {
    /// The CA that has signed the certificate.
    pub ca: PathBuf,
    /// `amqps://…@localhost:…/%2f`
    pub amqp_url: String,
    /// `rediss://…@localhost:…`
    pub redis_url: String,
}

impl TlsServers {
    /// None where the environment names servers of its own.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        let given = |name: &str| Some(variable(name)).filter(|value| !value.is_empty());
        let (ca, amqp_url, redis_url) = (given("TEST_TLS_CA"), given("TEST_AMQP_TLS_URL"), given("TEST_REDIS_TLS_URL"));
        let (Some(ca), Some(amqp_url), Some(redis_url)) = (ca, amqp_url, redis_url) else {
            eprintln!("not tried: the given servers are not known to speak TLS");
            return None;
        };
        Some(Self { ca: ca.into(), amqp_url, redis_url })
    }
}

/// One of the variables that name a server.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `make test`"))
}

//! Where PostgreSQL, RabbitMQ and Redis are. `make test` starts them and sets the variables.

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

/// One of the variables that name a server.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `make test`"))
}

//! The meaning of PostgreSQL's errors.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::error::Error;

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(kind, information) => {
                let constraint = information.constraint_name().map(str::to_owned);
                match (kind, constraint) {
                    (
                        DatabaseErrorKind::UniqueViolation
                        | DatabaseErrorKind::ForeignKeyViolation
                        | DatabaseErrorKind::CheckViolation,
                        Some(name),
                    ) => Self::Constraint(name),
                    _ if is_outage(kind, information.message()) => Self::Unavailable(information.message().to_owned()),
                    _ => Self::Internal(information.message().to_owned()),
                }
            }
            DieselError::BrokenTransactionManager => Self::Unavailable("the connection broke".into()),
            other => Self::Internal(other.to_string()),
        }
    }
}

/// Whether PostgreSQL is away, stops, fails over or is too slow, rather than us asking for nonsense. diesel does not
/// pass on the SQLSTATE, so the words have to do.
fn is_outage(kind: DatabaseErrorKind, message: &str) -> bool {
    const OUTAGES: [&str; 7] = [
        "terminating connection",
        "canceling statement",
        "the database system is",
        "remaining connection slots",
        "sorry, too many clients",
        "deadlock detected",
        "out of memory",
    ];
    matches!(
        kind,
        DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::ReadOnlyTransaction
            | DatabaseErrorKind::SerializationFailure
    ) || OUTAGES.iter().any(|words| message.contains(words))
}

//! Names of what belongs to one test: unlike any other, and telling their age.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What every name begins with.
const OWN: &str = "swb_test";
/// No test runs that long: what is older was left behind.
const LEFT_BEHIND: Duration = Duration::from_secs(2 * 60 * 60);

pub(crate) fn fresh() -> String {
    format!("{OWN}_{}_{:016x}", now().as_secs(), rand::random::<u64>())
}

/// Whether a name is of a test that ended without dropping what it made.
pub(crate) fn is_left_behind(name: &str) -> bool {
    let made = name.strip_prefix(OWN).and_then(|rest| rest.strip_prefix('_')?.split('_').next()?.parse().ok());
    made.is_some_and(|made| Duration::from_secs(made) + LEFT_BEHIND < now())
}

/// For a SQL or HTTP query of all names.
pub(crate) fn any() -> &'static str {
    OWN
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_old_name_of_a_test_is_left_behind() {
        assert!(is_left_behind("swb_test_1000000000_00ff"));
        assert!(!is_left_behind(&fresh()));
        assert!(!is_left_behind("swb_test_template_00ff"));
        assert!(!is_left_behind("production"));
    }
}

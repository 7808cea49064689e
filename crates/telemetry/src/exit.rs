//! How a process ends.

use std::fmt::Display;
use std::process::ExitCode;

/// Tells why a service or a command failed, in words: never as a stack.
#[must_use]
pub fn report(service: &'static str, result: Result<(), impl Display>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    tracing::error!(error = format!("{error:#}"), "{service} stops");
    eprintln!("{service}: {error:#}");
    ExitCode::FAILURE
}

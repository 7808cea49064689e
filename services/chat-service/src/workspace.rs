//! The workspace: data that is not of a chat, and that clients show: the names of accounts and of sites. All of it has
//! one version, which triggers raise in the transaction of each change; rows bear the number of their last change.
//!
//! - `routes`: over REST; [`read`]: the changes after a version

pub(crate) mod read;
pub(crate) mod routes;

/// The version of the workspace, as SQL.
macro_rules! workspace_version {
    () => {
        "greatest((SELECT max(workspace_version) FROM users), (SELECT max(workspace_version) FROM sites), 0)"
    };
}

pub(crate) use workspace_version;

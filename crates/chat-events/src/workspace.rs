//! The workspace: data that is not of a chat, and that clients show. It has one version, and clients read the changes
//! after the version that they know.

use serde::{Deserialize, Serialize};

use crate::ids::WorkspaceVersion;
use crate::principal::Principal;

/// A kind of thing in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceKind {
    /// The names of accounts.
    Users,
    /// Web sites.
    Sites,
}

impl WorkspaceKind {
    /// Whether a principal may read things of this kind.
    #[must_use]
    pub fn is_for(self, principal: &Principal) -> bool {
        match (self, principal) {
            (_, Principal::Client { .. }) => false,
            (Self::Users, Principal::Staff { .. } | Principal::User { .. })
            | (Self::Sites, Principal::Staff { .. }) => true,
            (Self::Sites, Principal::User { .. }) => false,
        }
    }
}

/// A change of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceNews {
    /// The kinds in which something changed.
    pub kinds: Vec<WorkspaceKind>,
    /// The version after it.
    pub version: WorkspaceVersion,
}

impl WorkspaceNews {
    /// The part of it that a principal is told; none if nothing of it is for it.
    #[must_use]
    pub fn told_to(&self, principal: &Principal) -> Option<Self> {
        let kinds: Vec<WorkspaceKind> = self.kinds.iter().copied().filter(|kind| kind.is_for(principal)).collect();
        (!kinds.is_empty()).then_some(Self { kinds, version: self.version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ChatId, UserId};

    #[test]
    fn each_is_told_of_its_kinds_alone() {
        let news =
            WorkspaceNews { kinds: vec![WorkspaceKind::Users, WorkspaceKind::Sites], version: WorkspaceVersion(7) };
        let user_id = UserId(3);
        assert_eq!(news.told_to(&Principal::Staff { user_id }).as_ref(), Some(&news));
        let for_users = WorkspaceNews { kinds: vec![WorkspaceKind::Users], ..news.clone() };
        assert_eq!(news.told_to(&Principal::User { user_id }), Some(for_users));
        assert_eq!(news.told_to(&Principal::Client { session_id: ChatId(1) }), None);
        let of_sites = WorkspaceNews { kinds: vec![WorkspaceKind::Sites], ..news };
        assert_eq!(of_sites.told_to(&Principal::User { user_id }), None);
    }
}

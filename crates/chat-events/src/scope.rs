//! The sites in which an operator works.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::SiteId;

/// The sessions that an operator may see, by their sites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Those of all sites.
    All,
    /// Those of these sites; of none, where nothing was granted.
    Sites(BTreeSet<SiteId>),
}

impl Default for Scope {
    fn default() -> Self {
        Self::Sites(BTreeSet::new())
    }
}

impl Scope {
    /// From the ids of sites; none for all sites.
    #[must_use]
    pub fn of_sites(sites: Option<Vec<i64>>) -> Self {
        sites.map_or(Self::All, |sites| Self::Sites(sites.into_iter().map(SiteId).collect()))
    }

    /// Its sites, as a request names them; none for all.
    #[must_use]
    pub fn sites(&self) -> Option<BTreeSet<SiteId>> {
        match self {
            Self::All => None,
            Self::Sites(sites) => Some(sites.clone()),
        }
    }

    /// The sites that both hold.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, scope) | (scope, Self::All) => scope.clone(),
            (Self::Sites(these), Self::Sites(those)) => Self::Sites(these & those),
        }
    }

    /// Whether it holds all that another one holds.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.common(other) == *other
    }

    /// Whether it holds the sessions of a site. Where the site is not known, all sites alone hold it.
    #[must_use]
    pub fn covers(&self, site: Option<SiteId>) -> bool {
        match self {
            Self::All => true,
            Self::Sites(sites) => site.is_some_and(|site| sites.contains(&site)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_of_sites_holds_those_and_nothing_of_an_unknown_site() {
        let scope = Scope::of_sites(Some(vec![2, 3]));
        assert!(scope.covers(Some(SiteId(2))) && !scope.covers(Some(SiteId(4))) && !scope.covers(None));
        assert!(Scope::of_sites(None).covers(None));
        assert_eq!(scope.common(&Scope::of_sites(Some(vec![3, 4]))), Scope::of_sites(Some(vec![3])));
        assert_eq!(scope.common(&Scope::All), scope);
        assert!(Scope::All.contains(&scope) && scope.contains(&scope) && scope.contains(&Scope::default()));
        assert!(!scope.contains(&Scope::All) && !scope.contains(&Scope::of_sites(Some(vec![3, 4]))));
        assert!(!Scope::default().covers(Some(SiteId(1))), "no grant is no right");
    }
}

//! The sites in which operators work, as they change during a run. Pure.

use std::collections::HashMap;
use std::time::Duration;

use crate::record::At;

/// A right ends on live sockets within 5 s where chat-service answers. A fault may keep it from answering for so long.
const ENFORCED_WITHIN: Duration = Duration::from_secs(30);

/// An operator got a site, or lost it.
#[derive(Debug, Clone)]
pub struct GrantChange {
    /// Who.
    pub user: i64,
    /// The key of the site.
    pub site: &'static str,
    /// Whether it works there from then on.
    pub is_in: bool,
    /// When the change was asked for: it took place later than that.
    pub asked_at: At,
    /// When it had taken place.
    pub done_at: At,
}

/// Sessions and their sites, and all changes of grants.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    sites: HashMap<i64, &'static str>,
    changes: Vec<GrantChange>,
}

impl Grants {
    /// A session was opened in a site.
    pub fn opened(&mut self, session: i64, site: &'static str) {
        self.sites.insert(session, site);
    }

    /// From its first change on an operator works in the sites that it was given; before, in all.
    pub fn changed(&mut self, change: GrantChange) {
        self.changes.push(change);
    }

    /// Whether an operator works in the site of a session, at present.
    #[must_use]
    pub fn holds(&self, user: i64, session: i64) -> bool {
        self.is_of_all_sites(user) || self.history(user, session).last().is_some_and(|change| change.is_in)
    }

    /// Whether it may have been shown something of a session at a time, by a connection that stood since then.
    #[must_use]
    pub fn held(&self, user: i64, session: i64, (since, at): (At, At)) -> bool {
        if self.is_of_all_sites(user) {
            return true;
        }
        let changes: Vec<&GrantChange> = self.history(user, session).filter(|change| change.asked_at <= at).collect();
        match changes.last() {
            None => false,
            Some(last) if last.is_in => true,
            // A connection that came later was let in by the rights of then.
            Some(last) => since <= last.done_at && at <= last.done_at + ENFORCED_WITHIN,
        }
    }

    fn is_of_all_sites(&self, user: i64) -> bool {
        self.changes.iter().all(|change| change.user != user)
    }

    fn history(&self, user: i64, session: i64) -> impl Iterator<Item = &GrantChange> {
        let site = self.sites.get(&session).copied();
        self.changes.iter().filter(move |change| change.user == user && Some(change.site) == site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lost_a_site_is_shown_nothing_by_later_connections_nor_long_after() {
        let at = At::from_secs;
        let mut grants = Grants::default();
        grants.opened(7, "shop");
        assert!(grants.holds(1, 7) && grants.held(1, 7, (at(0), at(1))), "of all sites");
        let change =
            |is_in, when| GrantChange { user: 1, site: "shop", is_in, asked_at: at(when), done_at: at(when + 1) };
        grants.changed(change(true, 0));
        grants.opened(8, "blog");
        assert!(grants.holds(1, 7) && !grants.holds(1, 8));
        grants.changed(change(false, 10));
        assert!(!grants.holds(1, 7));
        assert!(grants.held(1, 7, (at(2), at(9))) && grants.held(1, 7, (at(2), at(40))));
        assert!(!grants.held(1, 7, (at(12), at(13))), "by a later connection");
        assert!(!grants.held(1, 7, (at(2), at(42))), "too late");
        grants.changed(change(true, 50));
        assert!(grants.holds(1, 7) && grants.held(1, 7, (at(52), at(60))));
    }
}

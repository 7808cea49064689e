//! The pages that may use an installation: of its own address, of the configuration, of its sites. Gateways and chat-service
//! keep this in memory and read it anew when a site changes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::gateway_api::{SiteRules, Sites};
use crate::ids::SiteId;
use crate::origins::{Origins, is_same_address};

/// Where a page may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Welcome {
    /// In everything: it is no page, or of our own address, or the configuration allows it.
    Everywhere,
    /// In sites that allow this origin, and nowhere else.
    InItsSites(String),
    /// Nowhere.
    Nowhere,
    /// The sites have not been read yet.
    NotKnown,
}

/// The pages of all sites.
#[derive(Debug, Default)]
struct OfSites {
    /// Of any of them.
    any: Origins,
    each: HashMap<SiteId, (Origins, bool)>,
}

impl OfSites {
    fn new(sites: &[SiteRules]) -> Self {
        let rules = |site: &SiteRules| (site.site_id, (Origins::new(&site.origins), site.identity_required));
        Self { any: Origins::new(sites.iter().flat_map(|site| &site.origins)), each: sites.iter().map(rules).collect() }
    }
}

/// The pages that may use an installation. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct SitePages {
    everywhere: Arc<Origins>,
    of_sites: Arc<RwLock<Option<Arc<OfSites>>>>,
}

impl SitePages {
    /// With the origins of the configuration; the sites are not known yet.
    #[must_use]
    pub fn new(everywhere: &[String]) -> Self {
        Self { everywhere: Arc::new(Origins::new(everywhere)), of_sites: Arc::default() }
    }

    /// Takes in the sites as they are now. Returns those that have begun to refuse visitors without an identity.
    pub fn set_sites(&self, sites: &Sites) -> Vec<SiteId> {
        let new = Arc::new(OfSites::new(&sites.sites));
        let old = self.of_sites.write().unwrap_or_else(PoisonError::into_inner).replace(new);
        let Some(old) = old else { return Vec::new() };
        let began = |site: &&SiteRules| {
            site.identity_required && old.each.get(&site.site_id).is_some_and(|(_, required)| !required)
        };
        sites.sites.iter().filter(began).map(|site| site.site_id).collect()
    }

    /// Where a page of this origin may come in, at an address of ours; programs send no origin.
    #[must_use]
    pub fn welcome(&self, origin: Option<&str>, host: &str) -> Welcome {
        let Some(origin) = origin else { return Welcome::Everywhere };
        if is_same_address(origin, host) || self.everywhere.allow(origin) {
            return Welcome::Everywhere;
        }
        match self.of_sites() {
            None => Welcome::NotKnown,
            Some(sites) if sites.any.allow(origin) => Welcome::InItsSites(origin.to_ascii_lowercase()),
            Some(_) => Welcome::Nowhere,
        }
    }

    /// The origins of the configuration.
    pub fn everywhere(&self) -> impl Iterator<Item = String> + '_ {
        self.everywhere.iter()
    }

    /// Whether a page of another address may read answers that are meant for every page of the configuration.
    #[must_use]
    pub fn allow_everywhere(&self, origin: &str) -> bool {
        self.everywhere.allow(origin)
    }

    /// Whether a page of another address may read answers that are meant for visitors.
    #[must_use]
    pub fn allow_somewhere(&self, origin: &str) -> bool {
        self.everywhere.allow(origin) || self.of_sites().is_some_and(|sites| sites.any.allow(origin))
    }

    /// Whether a site allows this origin.
    #[must_use]
    pub fn allow_in(&self, site: SiteId, origin: &str) -> bool {
        self.of_sites().is_some_and(|sites| sites.each.get(&site).is_some_and(|(origins, _)| origins.allow(origin)))
    }

    fn of_sites(&self) -> Option<Arc<OfSites>> {
        self.of_sites.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(site: i64, origin: &str, identity_required: bool) -> SiteRules {
        SiteRules { site_id: SiteId(site), origins: vec![origin.to_owned()], identity_required }
    }

    #[test]
    fn a_page_comes_in_where_its_site_allows_it() {
        let pages = SitePages::new(&["https://console.example".to_owned()]);
        let shop = Some("https://shop.example");
        assert_eq!(pages.welcome(shop, "chat.example"), Welcome::NotKnown);
        assert_eq!(pages.welcome(None, "chat.example"), Welcome::Everywhere);
        assert_eq!(pages.welcome(Some("https://chat.example"), "chat.example"), Welcome::Everywhere);
        assert_eq!(pages.welcome(Some("https://console.example"), "chat.example"), Welcome::Everywhere);
        let sites = |required| Sites {
            sites: vec![rules(1, "https://shop.example", required), rules(2, "https://blog.example", false)],
        };
        assert_eq!(pages.set_sites(&sites(false)), []);
        assert_eq!(pages.welcome(shop, "chat.example"), Welcome::InItsSites("https://shop.example".to_owned()));
        assert_eq!(pages.welcome(Some("https://evil.example"), "chat.example"), Welcome::Nowhere);
        assert!(
            pages.allow_in(SiteId(1), "https://shop.example") && !pages.allow_in(SiteId(2), "https://shop.example")
        );
        assert!(pages.allow_somewhere("https://blog.example") && !pages.allow_everywhere("https://blog.example"));
        assert_eq!(pages.set_sites(&sites(true)), [SiteId(1)]);
        assert_eq!(pages.set_sites(&sites(true)), []);
    }
}

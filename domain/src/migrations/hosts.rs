//! The servers that whoever deploys `migrate` lets it connect to.

use std::fmt;

use crate::glob;
use crate::naming::{BESIDE, REHEARSAL_PREFIX};

/// Patterns of the hosts that may be connected to. In each, `*` stands for any characters
/// of one label of a name. None: any host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Reads patterns with commas between them.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let patterns = text.split(',').map(plain);
        Self(patterns.filter(|pattern| !pattern.is_empty()).collect())
    }

    /// Whether this host may be connected to.
    #[must_use]
    pub fn allow(&self, host: &str) -> bool {
        let host = plain(host);
        self.0.is_empty() || self.0.iter().any(|pattern| is_of(pattern, &host))
    }

    /// Whether whoever deploys `migrate` named any.
    #[must_use]
    pub const fn are_named(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether a host may be connected to that a function of a team's told: nobody else
    /// vouches for it, so somebody has to have named it.
    #[must_use]
    pub fn allow_told(&self, host: &str) -> bool {
        self.are_named() && self.allow(host)
    }

    /// Whether a host that Sluice names itself may be connected to: beside a server that may,
    /// its copies may, and those that a restore set aside. Not for what settings name.
    #[must_use]
    pub fn allow_beside(&self, host: &str) -> bool {
        let host = plain(host);
        self.0.is_empty() || self.0.iter().any(|pattern| fits(pattern, &host))
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// A name as names are compared: without case, and without the root's dot.
fn plain(host: &str) -> String {
    let host = host.trim().trim_end_matches('.');
    host.to_ascii_lowercase()
}

fn fits(pattern: &str, host: &str) -> bool {
    if is_of(pattern, host) {
        return true;
    }
    let Some((server, domain)) = host.split_once('.') else {
        return false;
    };
    if server.starts_with(REHEARSAL_PREFIX) {
        let allowed = pattern.split_once('.');
        // Not under a domain that anybody can have a name in.
        let allowed = allowed.filter(|(_, allowed)| allowed.contains('.'));
        return allowed.is_some_and(|(_, allowed)| is_of(allowed, domain));
    }
    let aside = server.split_once(BESIDE);
    aside.is_some_and(|(server, _)| is_of(pattern, &format!("{server}.{domain}")))
}

/// Labels are to a name what folders are to a path.
fn is_of(pattern: &str, name: &str) -> bool {
    glob::fits(&pattern.replace('.', "/"), &name.replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: &str = "c1abcdefgh.eu-west-1.rds.amazonaws.com";

    #[test]
    fn without_a_pattern_any_host_may_be_connected_to() {
        for text in ["", " , "] {
            assert!(Hosts::of(text).allow("db.elsewhere.example"), "{text:?}");
        }
    }

    #[test]
    fn what_a_team_tells_is_gone_to_only_where_it_is_named() {
        let copy = "sluice-rehearsal-shop-prod.c1abcdefgh.eu-west-1.rds.amazonaws.com";
        assert!(!Hosts::default().allow_told(copy), "nobody named any");
        let own = Hosts::of(&format!("shop.{DOMAIN}"));
        assert!(own.allow_beside(copy) && !own.allow_told(copy));
        assert!(Hosts::of(&format!("*.{DOMAIN}")).allow_told(copy));
    }

    #[test]
    fn a_star_stands_for_characters_of_one_label() {
        let hosts = Hosts::of(&format!("*.{DOMAIN}, 10.0.0.5"));
        for host in [
            &format!("shop.{DOMAIN}"),
            &format!("SHOP.{DOMAIN}."),
            "10.0.0.5",
        ] {
            assert!(hosts.allow(host), "{host}");
        }
        for host in [
            "db.elsewhere.example",
            "shop.other.eu-west-1.rds.amazonaws.com",
            &format!("a.b.{DOMAIN}"),
            &format!("shop.{DOMAIN}.elsewhere.example"),
            DOMAIN,
            "10.0.0.6",
        ] {
            assert!(!hosts.allow(host), "{host}");
        }
        assert_eq!(hosts.to_string(), format!("*.{DOMAIN}, 10.0.0.5"));
    }

    #[test]
    fn beside_one_server_stand_its_copies_and_what_a_restore_set_aside() {
        let hosts = Hosts::of(&format!("shop.{DOMAIN},localhost,shop.example"));
        for server in [
            "shop",
            "sluice-rehearsal-shop-prod",
            "shop-sluice-0f8a3c21-old",
        ] {
            let host = format!("{server}.{DOMAIN}");
            assert!(hosts.allow_beside(&host), "{server}");
            // What settings name is a name that anybody may have taken.
            assert_eq!(hosts.allow(&host), server == "shop", "{server}");
        }
        for host in [
            &format!("other.{DOMAIN}"),
            &format!("other-sluice-0f8a3c21-old.{DOMAIN}"),
            "sluice-rehearsal-shop.elsewhere.example",
            "sluice-rehearsal-shop",
            "sluice-rehearsal-shop.example",
        ] {
            assert!(!hosts.allow_beside(host), "{host}");
        }
    }
}

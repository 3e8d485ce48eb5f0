//! What promotions lock: most of it alone, some of it together with others that keep out of
//! each other's way there.
//!
//! A server of databases is the one thing that is locked in both ways. A restore replaces it
//! and has it alone; migrations of its databases have it together, since each locks its own
//! database: environments that share a server would wait for each other's bakes otherwise.

/// What stands before a target that is locked together with others. No ARN begins so.
const TOGETHER: &str = "shared ";

/// The target, to be locked together with others.
#[must_use]
pub fn together(target: &str) -> String {
    format!("{TOGETHER}{target}")
}

/// What is locked, and whether together with others.
#[must_use]
pub fn locked(target: &str) -> (&str, bool) {
    match target.strip_prefix(TOGETHER) {
        Some(target) => (target, true),
        None => (target, false),
    }
}

/// Whether two promotions can't have these targets at once.
#[must_use]
pub fn exclude(one: &str, other: &str) -> bool {
    let ((one, is_shared), (other, is_shared_too)) = (locked(one), locked(other));
    one == other && !(is_shared && is_shared_too)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_together_excludes_only_who_wants_it_alone() {
        let (alone, shared) = ("server shop", together("server shop"));
        assert!(exclude(alone, alone));
        assert!(exclude(alone, &shared) && exclude(&shared, alone));
        assert!(!exclude(&shared, &shared));
        assert!(!exclude(&shared, &together("server orders")));
        assert_eq!(locked(&shared), (alone, true));
        assert_eq!(locked(alone), (alone, false));
    }
}

//! What an onlooker makes of aliases that somebody else shifts: which versions
//! are old and new, and which step that comes to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sluice_domain::alias::Routing;
use sluice_domain::journal::{Entry, Journal};
use sluice_domain::judge::JudgePolicy;
use sluice_domain::settings::{Settings, Step};

/// Where the aliases of a group point, by the name that settings use.
pub(crate) type Routings = BTreeMap<String, Routing>;

/// What a look at the aliases shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Seen {
    /// Nothing has moved.
    Nothing,
    /// A new weight: the step with this number has begun.
    Step(usize),
    /// The weight of the last look.
    Same,
    /// No alias sends anybody to a new version any more.
    Back,
}

/// Looks on.
#[derive(Debug)]
pub(crate) struct Onlooker {
    settings: Settings,
    /// The versions that served when it began to look, by name.
    stable: BTreeMap<String, String>,
    /// What `shift` would have written down.
    pub(crate) journal: Journal,
}

impl Onlooker {
    /// Begins with the aliases as they stand.
    #[must_use]
    pub(crate) fn new(settings: &Settings, found: &Routings) -> Self {
        let stable = found
            .iter()
            .map(|(name, routing)| (name.clone(), routing.version.clone()));
        Self {
            settings: settings.clone(),
            stable: stable.collect(),
            journal: Journal {
                functions: BTreeMap::new(),
                role: settings.role.clone(),
                steps: Vec::new(),
                begun_at: None,
                step: None,
                shifted_at: None,
                committed: false,
            },
        }
    }

    /// Takes in how the aliases stand now.
    pub(crate) fn see(&mut self, found: &Routings, now: Timestamp) -> Seen {
        let moved: BTreeMap<&String, (String, f64)> = found
            .iter()
            .filter_map(|(name, routing)| Some((name, self.canary(name, routing)?)))
            .collect();
        let weights = moved.values().map(|(_, weight)| *weight);
        let Some(weight) = weights.reduce(f64::min) else {
            return match self.journal.step.take() {
                Some(_) => Seen::Back,
                None => Seen::Nothing,
            };
        };
        let entries: BTreeMap<String, Entry> = moved
            .into_iter()
            .filter_map(|(name, (canary, _))| Some((name.clone(), self.entry(name, canary)?)))
            .collect();
        let is_same = self.journal.step.is_some()
            && self.journal.weight() == weight
            && self.journal.functions == entries;
        if is_same {
            return Seen::Same;
        }
        let next = self.journal.steps.len();
        self.journal.functions = entries;
        self.journal.steps.push(self.step(weight));
        self.journal.step = Some(next);
        self.journal.begun_at.get_or_insert(now);
        self.journal.shifted_at = Some(now);
        Seen::Step(next)
    }

    /// How the functions that moved are judged, if their calls take so many seconds at
    /// most: a plan waits for the metrics of those that change, and of no others.
    /// Without probes: these would be calls, and an onlooker only reads.
    pub(crate) fn policy(&self, longest_calls: &BTreeMap<String, u64>) -> JudgePolicy {
        let moved = self.journal.functions.keys();
        let calls = moved.filter_map(|name| longest_calls.get(name).copied());
        JudgePolicy {
            probes: Vec::new(),
            ..self
                .settings
                .judge
                .for_calls_of(calls.max().unwrap_or_default())
        }
    }

    /// The new version, and its share in percent.
    fn canary(&self, name: &str, routing: &Routing) -> Option<(String, f64)> {
        let stable = self.stable.get(name)?;
        if routing.version != *stable {
            let rest: f64 = routing.weights.values().sum();
            return Some((routing.version.clone(), (1.0 - rest) * 100.0));
        }
        let mut weights = routing.weights.iter().filter(|(_, weight)| **weight > 0.0);
        weights
            .next()
            .map(|(version, weight)| (version.clone(), weight * 100.0))
    }

    fn entry(&self, name: &str, canary: String) -> Option<Entry> {
        let target = self.settings.functions.get(name)?;
        Some(Entry {
            name: target.name.clone(),
            alias: target.alias.clone(),
            stable: self.stable.get(name).cloned(),
            canary,
            revision: None,
            deployment: None,
        })
    }

    /// A step of this weight, watched as long as the one of the settings that
    /// comes nearest from below.
    fn step(&self, weight: f64) -> Step {
        let steps = &self.settings.steps;
        let below = steps.iter().rev().find(|step| step.weight <= weight);
        let nearest = below.or(steps.first()).cloned();
        // Nobody is asked for a go: somebody else takes the steps.
        Step {
            weight,
            then: None,
            ..nearest.unwrap_or_else(|| Step::new(weight, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn onlooker() -> Onlooker {
        let settings = serde_json::from_value(json!({
            "schema": 1, "order": 1,
            "functions": { "api": { "name": "shop-api" }, "web": { "name": "shop-web" } },
            "steps": [
                { "weight": 10, "bake_seconds": 60 },
                { "weight": 50, "bake_seconds": 300 },
                { "weight": 100, "bake_seconds": 900 },
            ],
        }));
        Onlooker::new(&settings.expect("settings"), &found(("1", &[]), ("4", &[])))
    }

    fn routing((version, weights): (&str, &[(&str, f64)])) -> Routing {
        let weights = weights.iter();
        Routing {
            version: version.to_owned(),
            weights: weights.map(|(v, w)| ((*v).to_owned(), *w)).collect(),
        }
    }

    fn found(api: (&str, &[(&str, f64)]), web: (&str, &[(&str, f64)])) -> Routings {
        Routings::from([
            ("api".to_owned(), routing(api)),
            ("web".to_owned(), routing(web)),
        ])
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn each_new_weight_is_a_step_watched_as_the_settings_watch_one_like_it() {
        let mut onlooker = onlooker();
        let still = found(("1", &[]), ("4", &[]));
        assert_eq!(onlooker.see(&still, at(1)), Seen::Nothing);
        let shared = found(("1", &[("2", 0.2)]), ("4", &[]));
        assert_eq!(onlooker.see(&shared, at(2)), Seen::Step(0));
        assert_eq!(onlooker.see(&shared, at(3)), Seen::Same);
        assert_eq!(onlooker.journal.shifted_at, Some(at(2)));
        assert_eq!(onlooker.journal.functions["api"].canary, "2");
        assert_eq!(onlooker.journal.functions.len(), 1);
        let all = found(("2", &[]), ("4", &[]));
        assert_eq!(onlooker.see(&all, at(9)), Seen::Step(1));
        let steps = &onlooker.journal.steps;
        let steps: Vec<_> = steps.iter().map(|s| (s.weight, s.bake_seconds)).collect();
        assert_eq!(steps, [(20.0, 60), (100.0, 900)]);
        assert_eq!(onlooker.journal.begun_at, Some(at(2)));
    }

    #[test]
    fn only_the_calls_of_functions_that_moved_are_waited_for() {
        let mut onlooker = onlooker();
        let longest = BTreeMap::from([("api".to_owned(), 3), ("web".to_owned(), 900)]);
        onlooker.see(&found(("1", &[("2", 0.1)]), ("4", &[])), at(1));
        let lag = |onlooker: &Onlooker| onlooker.policy(&longest).lag();
        let of_api = lag(&onlooker);
        onlooker.see(&found(("1", &[("2", 0.1)]), ("4", &[("5", 0.1)])), at(2));
        assert_eq!(lag(&onlooker), of_api + 897);
    }

    #[test]
    fn functions_that_are_not_as_far_hold_the_step_where_they_are() {
        let mut onlooker = onlooker();
        onlooker.see(&found(("2", &[]), ("4", &[("5", 0.5)])), at(1));
        assert_eq!(onlooker.journal.weight(), 50.0);
        assert_eq!(onlooker.journal.functions.len(), 2);
    }

    #[test]
    fn aliases_that_went_back_are_seen_as_such_once() {
        let mut onlooker = onlooker();
        onlooker.see(&found(("1", &[("2", 0.1)]), ("4", &[])), at(1));
        let still = found(("1", &[]), ("4", &[]));
        assert_eq!(onlooker.see(&still, at(2)), Seen::Back);
        assert_eq!(onlooker.see(&still, at(3)), Seen::Nothing);
    }
}

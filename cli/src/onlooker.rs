//! What an onlooker makes of aliases that somebody else shifts: which versions
//! are old and new, and which step that comes to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sluice_domain::alias::Routing;
use sluice_domain::codedeploy::Deployment;
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
        let known = std::mem::replace(&mut self.journal.functions, entries);
        if known.iter().any(|(name, entry)| self.is_other(name, entry)) {
            self.journal.begun_at = None;
        }
        let begun_at = *self.journal.begun_at.get_or_insert(now);
        self.journal.steps.push(self.step(weight));
        self.journal.step = Some(next);
        self.journal.shifted_at = self.watched_since(weight, begun_at, now);
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

    /// Since when this weight is watched. Whoever shifts may take steps that are
    /// shorter than metrics take to arrive, so all below 100 % are watched as one.
    /// None: as the shift of a deployment is.
    fn watched_since(&self, weight: f64, begun_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if weight >= 100.0 {
            Some(now)
        } else {
            Some(begun_at).filter(|_| !self.journal.is_deployed())
        }
    }

    /// Whether a function that moved before is now on its way to another version.
    fn is_other(&self, name: &str, known: &Entry) -> bool {
        let found = self.journal.functions.get(name);
        found.is_some_and(|found| found.canary != known.canary)
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
            deployment: self.deployment(name),
        })
    }

    /// The deployment that shifts it, by the settings. Its id is its creator's.
    fn deployment(&self, name: &str) -> Option<Deployment> {
        let codedeploy = self.settings.codedeploy.as_ref()?;
        let group = codedeploy.functions.get(name)?.clone();
        Some(Deployment { group, id: None })
    }

    /// A step of this weight, watched as long as the one of the settings that
    /// comes nearest from below.
    fn step(&self, weight: f64) -> Step {
        let steps = self.settings.own_steps();
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

    /// Version 2 of the function `api` with this weight, all else as it was.
    fn at_weight(weight: f64) -> Routings {
        if weight >= 1.0 {
            found(("2", &[]), ("4", &[]))
        } else {
            found(("1", &[("2", weight)]), ("4", &[]))
        }
    }

    #[test]
    fn weights_that_change_every_minute_are_watched_as_one_until_all_traffic_has_moved() {
        let mut onlooker = onlooker();
        for minute in 0..9 {
            let weight = f64::from(u8::try_from(minute + 1).expect("few")) / 10.0;
            onlooker.see(&at_weight(weight), at(60 * minute));
            assert_eq!(onlooker.journal.shifted_at, Some(at(0)), "{weight}");
        }
        onlooker.see(&at_weight(1.0), at(540));
        assert_eq!(onlooker.journal.shifted_at, Some(at(540)));
        assert_eq!(onlooker.journal.begun_at, Some(at(0)));
    }

    #[test]
    fn another_new_version_is_watched_from_its_own_beginning() {
        let mut onlooker = onlooker();
        onlooker.see(&at_weight(0.1), at(0));
        onlooker.see(&found(("1", &[("3", 0.1)]), ("4", &[])), at(60));
        assert_eq!(onlooker.journal.begun_at, Some(at(60)));
        assert_eq!(onlooker.journal.shifted_at, Some(at(60)));
        onlooker.see(&found(("1", &[("3", 0.1)]), ("4", &[("5", 0.1)])), at(90));
        assert_eq!(
            onlooker.journal.begun_at,
            Some(at(60)),
            "one that joins in is no other version"
        );
    }

    #[test]
    fn what_codedeploy_shifts_by_the_settings_is_watched_as_its_deployments_are() {
        let mut onlooker = onlooker();
        onlooker.settings.steps = Vec::new();
        onlooker.settings.codedeploy = serde_json::from_value(json!({
            "functions": {"api": {"application": "shop", "deployment_group": "api-prod"}},
            "bake_seconds": 1200,
        }))
        .expect("settings");
        onlooker.see(&at_weight(0.1), at(0));
        onlooker.see(&at_weight(0.2), at(60));
        assert_eq!(onlooker.journal.deploying_since(), Some(at(0)));
        onlooker.see(&at_weight(1.0), at(120));
        assert_eq!(onlooker.journal.deploying_since(), None);
        assert_eq!(onlooker.journal.shifted_at, Some(at(120)));
        assert_eq!(onlooker.journal.steps[2].bake_seconds, 1200);
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

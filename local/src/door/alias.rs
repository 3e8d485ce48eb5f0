//! Which versions an alias stands for, and the weighted pick among them.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_lambda::{
    Client,
    config::http::HttpResponse,
    error::SdkError,
    operation::get_alias::{GetAliasError, GetAliasOutput},
};
use tokio::{sync::Mutex, time::Instant};

/// AWS itself takes a moment until a new weight counts everywhere.
const FRESH_FOR: Duration = Duration::from_millis(250);

/// The versions an alias stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Routing {
    main: String,
    others: BTreeMap<String, f64>,
}

impl Routing {
    /// An alias of `main` that gives each version of `others` its share, from 0 to 1.
    #[must_use]
    pub fn new(main: impl Into<String>, others: BTreeMap<String, f64>) -> Self {
        Self {
            main: main.into(),
            others,
        }
    }

    /// The version for `draw`, a number from 0 up to but not including 1.
    #[must_use]
    pub fn pick(&self, draw: f64) -> &str {
        let mut limit = 0.0;
        for (version, weight) in &self.others {
            limit += weight;
            if draw < limit {
                return version;
            }
        }
        &self.main
    }
}

impl From<&GetAliasOutput> for Routing {
    fn from(alias: &GetAliasOutput) -> Self {
        let weights = alias
            .routing_config()
            .and_then(|config| config.additional_version_weights());
        let others = weights
            .map(|weights| {
                weights
                    .iter()
                    .map(|(version, weight)| (version.clone(), *weight))
            })
            .map(Iterator::collect)
            .unwrap_or_default();
        Self::new(alias.function_version().unwrap_or("$LATEST"), others)
    }
}

/// Looks aliases up and remembers them for a moment.
#[derive(Debug)]
pub(super) struct Aliases {
    lambda: Client,
    known: Mutex<HashMap<(String, String), (Instant, Routing)>>,
}

impl Aliases {
    pub(super) fn new(lambda: Client) -> Self {
        Self {
            lambda,
            known: Mutex::default(),
        }
    }

    /// The routing of an alias, at most a quarter of a second old.
    ///
    /// The lock is held while looking up: a burst asks the engine once.
    pub(super) async fn routing(
        &self,
        function: &str,
        alias: &str,
    ) -> Result<Routing, SdkError<GetAliasError, HttpResponse>> {
        let key = (function.to_owned(), alias.to_owned());
        let mut known = self.known.lock().await;
        if let Some((read, routing)) = known.get(&key)
            && read.elapsed() < FRESH_FOR
        {
            return Ok(routing.clone());
        }
        // What is read may change while it is under way: it is as old as the question.
        let asked = Instant::now();
        let answer = self
            .lambda
            .get_alias()
            .function_name(function)
            .name(alias)
            .send()
            .await?;
        let routing = Routing::from(&answer);
        known.insert(key, (asked, routing.clone()));
        Ok(routing)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    fn share_of(routing: &Routing, version: &str) -> f64 {
        let mut rng = StdRng::seed_from_u64(7);
        let draws: u32 = 20_000;
        let hits = (0..draws)
            .filter(|_| routing.pick(rng.random()) == version)
            .count();
        f64::from(u32::try_from(hits).unwrap()) / f64::from(draws)
    }

    fn weighted(others: &[(&str, f64)]) -> Routing {
        Routing::new(
            "1",
            others.iter().map(|(v, w)| ((*v).to_owned(), *w)).collect(),
        )
    }

    #[test]
    fn an_alias_without_weights_is_its_own_version_always() {
        assert!((share_of(&weighted(&[]), "1") - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_weight_of_zero_is_never_picked() {
        assert!(share_of(&weighted(&[("2", 0.0)]), "2") == 0.0);
        assert_eq!(weighted(&[("2", 0.0)]).pick(0.0), "1");
    }

    #[test]
    fn a_weight_of_one_is_always_picked() {
        assert!((share_of(&weighted(&[("2", 1.0)]), "2") - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_tenth_of_the_invocations_goes_to_a_weight_of_a_tenth() {
        let routing = weighted(&[("2", 0.1)]);
        assert!((share_of(&routing, "2") - 0.1).abs() < 0.01);
        assert!((share_of(&routing, "1") - 0.9).abs() < 0.01);
    }

    #[test]
    fn several_weights_share_and_the_main_version_has_the_rest() {
        let routing = weighted(&[("2", 0.25), ("3", 0.5)]);
        assert!((share_of(&routing, "2") - 0.25).abs() < 0.01);
        assert!((share_of(&routing, "3") - 0.5).abs() < 0.01);
        assert!((share_of(&routing, "1") - 0.25).abs() < 0.01);
    }
}

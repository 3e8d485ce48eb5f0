//! Counts invocations per function, alias, version and second, and puts the
//! counts as AWS does for an alias: once with `FunctionName` and `Resource`,
//! once with `ExecutedVersion` as well.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_cloudwatch::{
    Client,
    error::DisplayErrorContext,
    primitives::DateTime,
    types::{Dimension, MetricDatum, StandardUnit, StatisticSet},
};

const NAMESPACE: &str = "AWS/Lambda";
/// Limits of PutMetricData.
const DATA_PER_CALL: usize = 1000;
const VALUES_PER_DATUM: usize = 150;

/// How an invocation ended, as far as metrics care.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    /// The function ran; `failed` says whether it reported an error.
    Ended { failed: bool, duration: Duration },
    /// It was queued: nobody here sees its end.
    Accepted,
    /// Refused for lack of concurrency, which AWS does not count as an invocation.
    Throttled,
    /// Never reached the function.
    NotInvoked,
}

/// What one version of one alias did in one second.
#[derive(Debug, Default, Clone, PartialEq)]
struct Counts {
    invocations: u32,
    errors: u32,
    throttles: u32,
    /// How often each duration was seen, in tenths of a millisecond.
    durations: BTreeMap<u64, u32>,
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Ended { failed, duration } => {
                self.invocations += 1;
                self.errors += u32::from(failed);
                let tenths = u64::try_from(duration.as_micros() / 100).unwrap_or(u64::MAX);
                *self.durations.entry(tenths).or_default() += 1;
            }
            Outcome::Accepted => self.invocations += 1,
            Outcome::Throttled => self.throttles += 1,
            Outcome::NotInvoked => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.invocations += other.invocations;
        self.errors += other.errors;
        self.throttles += other.throttles;
        for (duration, count) in &other.durations {
            *self.durations.entry(*duration).or_default() += count;
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    alias: String,
    version: String,
    second: u64,
}

type PerFunction = HashMap<String, BTreeMap<Slot, Counts>>;

/// Counts, and puts what it counted.
#[derive(Debug)]
pub(super) struct Metrics {
    cloudwatch: Client,
    counted: Mutex<PerFunction>,
    /// One flush at a time, so that the end of `flush` means that all was put.
    flushing: tokio::sync::Mutex<()>,
}

impl Metrics {
    pub(super) fn new(cloudwatch: Client) -> Self {
        Self {
            cloudwatch,
            counted: Mutex::default(),
            flushing: tokio::sync::Mutex::default(),
        }
    }

    /// Counts an invocation in the second it started.
    pub(super) fn count(
        &self,
        function: &str,
        alias: &str,
        version: &str,
        started: SystemTime,
        outcome: Outcome,
    ) {
        if outcome == Outcome::NotInvoked {
            return;
        }
        let second = started
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let slot = Slot {
            alias: alias.to_owned(),
            version: version.to_owned(),
            second,
        };
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted
            .entry(function.to_owned())
            .or_default()
            .entry(slot)
            .or_default()
            .add(outcome);
    }

    /// Puts what was counted. What can't be put is kept for the next time.
    pub(super) async fn flush(&self) {
        let _one_at_a_time = self.flushing.lock().await;
        let counted = {
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *counted)
        };
        for (function, slots) in counted {
            if let Err(error) = self.put(&function, &slots).await {
                tracing::warn!(function, error, "metrics could not be put; they are kept");
                self.keep(&function, &slots);
            }
        }
    }

    async fn put(&self, function: &str, slots: &BTreeMap<Slot, Counts>) -> Result<(), String> {
        for chunk in data(function, slots).chunks(DATA_PER_CALL) {
            self.cloudwatch
                .put_metric_data()
                .namespace(NAMESPACE)
                .set_metric_data(Some(chunk.to_vec()))
                .send()
                .await
                .map_err(|error| DisplayErrorContext(error).to_string())?;
        }
        Ok(())
    }

    fn keep(&self, function: &str, slots: &BTreeMap<Slot, Counts>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = counted.entry(function.to_owned()).or_default();
        for (slot, counts) in slots {
            kept.entry(slot.clone()).or_default().merge(counts);
        }
    }
}

fn data(function: &str, slots: &BTreeMap<Slot, Counts>) -> Vec<MetricDatum> {
    let mut data = Vec::new();
    let mut per_alias: BTreeMap<(&str, u64), Counts> = BTreeMap::new();
    for (slot, counts) in slots {
        let mut dimensions = alias_dimensions(function, &slot.alias);
        dimensions.push(dimension("ExecutedVersion", &slot.version));
        describe(&mut data, &dimensions, slot.second, counts);
        per_alias
            .entry((&slot.alias, slot.second))
            .or_default()
            .merge(counts);
    }
    for ((alias, second), counts) in per_alias {
        describe(
            &mut data,
            &alias_dimensions(function, alias),
            second,
            &counts,
        );
    }
    data
}

fn describe(data: &mut Vec<MetricDatum>, dimensions: &[Dimension], second: u64, counts: &Counts) {
    let timestamp = DateTime::from_secs(i64::try_from(second).unwrap_or(i64::MAX));
    let datum = |name: &str| {
        MetricDatum::builder()
            .metric_name(name)
            .timestamp(timestamp)
            .set_dimensions(Some(dimensions.to_vec()))
    };
    let asked = counts.invocations + counts.throttles;
    for (name, sum, samples) in [
        ("Invocations", counts.invocations, counts.invocations),
        ("Errors", counts.errors, counts.invocations),
        ("Throttles", counts.throttles, asked),
    ] {
        if samples > 0 {
            let set = zeros_and_ones(sum, samples);
            data.push(
                datum(name)
                    .unit(StandardUnit::Count)
                    .statistic_values(set)
                    .build(),
            );
        }
    }
    let durations: Vec<(f64, f64)> = counts
        .durations
        .iter()
        .map(|(tenths, count)| (milliseconds(*tenths), f64::from(*count)))
        .collect();
    for chunk in durations.chunks(VALUES_PER_DATUM) {
        let (values, counts): (Vec<f64>, Vec<f64>) = chunk.iter().copied().unzip();
        data.push(
            datum("Duration")
                .unit(StandardUnit::Milliseconds)
                .set_values(Some(values))
                .set_counts(Some(counts))
                .build(),
        );
    }
}

/// AWS samples these metrics once per invocation, each 0 or 1.
fn zeros_and_ones(ones: u32, samples: u32) -> StatisticSet {
    StatisticSet::builder()
        .sample_count(f64::from(samples))
        .sum(f64::from(ones))
        .minimum(if ones < samples { 0.0 } else { 1.0 })
        .maximum(if ones > 0 { 1.0 } else { 0.0 })
        .build()
}

fn milliseconds(tenths: u64) -> f64 {
    Duration::from_micros(tenths.saturating_mul(100)).as_secs_f64() * 1000.0
}

fn alias_dimensions(function: &str, alias: &str) -> Vec<Dimension> {
    vec![
        dimension("FunctionName", function),
        dimension("Resource", &format!("{function}:{alias}")),
    ]
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(failed: bool) -> Outcome {
        Outcome::Ended {
            failed,
            duration: Duration::from_millis(12),
        }
    }

    fn slots(entries: &[(&str, u64, Outcome)]) -> BTreeMap<Slot, Counts> {
        let mut slots: BTreeMap<Slot, Counts> = BTreeMap::new();
        for (version, second, outcome) in entries {
            let version = (*version).to_owned();
            let slot = Slot {
                alias: "live".to_owned(),
                version,
                second: *second,
            };
            slots.entry(slot).or_default().add(*outcome);
        }
        slots
    }

    fn sum(data: &[MetricDatum], metric: &str, version: Option<&str>) -> f64 {
        let of_version = |datum: &&MetricDatum| {
            datum.metric_name() == Some(metric)
                && datum
                    .dimensions()
                    .iter()
                    .find(|dimension| dimension.name() == Some("ExecutedVersion"))
                    .and_then(Dimension::value)
                    == version
        };
        let sums = data
            .iter()
            .filter(of_version)
            .filter_map(|datum| datum.statistic_values());
        sums.filter_map(StatisticSet::sum).sum()
    }

    #[test]
    fn every_invocation_is_counted_for_its_version_and_for_its_alias() {
        let data = data(
            "shop",
            &slots(&[
                ("1", 10, ended(false)),
                ("1", 10, ended(false)),
                ("2", 10, ended(true)),
            ]),
        );
        assert!(sum(&data, "Invocations", Some("1")) == 2.0);
        assert!(sum(&data, "Invocations", Some("2")) == 1.0);
        assert!(sum(&data, "Invocations", None) == 3.0);
        assert!(sum(&data, "Errors", Some("1")) == 0.0);
        assert!(sum(&data, "Errors", Some("2")) == 1.0);
        assert!(sum(&data, "Errors", None) == 1.0);
    }

    #[test]
    fn the_dimensions_are_those_of_an_alias_on_aws() {
        let data = data("shop", &slots(&[("2", 10, ended(false))]));
        let sets: Vec<Vec<(&str, &str)>> = data
            .iter()
            .filter(|datum| datum.metric_name() == Some("Invocations"))
            .map(|datum| datum.dimensions().iter())
            .map(|all| {
                all.filter_map(|one| Some((one.name()?, one.value()?)))
                    .collect()
            })
            .collect();
        assert_eq!(
            sets,
            [
                vec![
                    ("FunctionName", "shop"),
                    ("Resource", "shop:live"),
                    ("ExecutedVersion", "2")
                ],
                vec![("FunctionName", "shop"), ("Resource", "shop:live")],
            ]
        );
    }

    #[test]
    fn an_error_sample_is_one_per_invocation() {
        let data = data(
            "shop",
            &slots(&[("1", 10, ended(true)), ("1", 10, ended(false))]),
        );
        let errors = data
            .iter()
            .find(|datum| datum.metric_name() == Some("Errors"))
            .unwrap();
        let set = errors.statistic_values().unwrap();
        assert_eq!(set.sample_count(), Some(2.0));
        assert_eq!((set.minimum(), set.maximum()), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn seconds_are_kept_apart() {
        let data = data(
            "shop",
            &slots(&[("1", 10, ended(false)), ("1", 11, ended(false))]),
        );
        let seconds: Vec<i64> = data
            .iter()
            .filter(|datum| {
                datum.metric_name() == Some("Invocations") && datum.dimensions().len() == 3
            })
            .filter_map(|datum| datum.timestamp().map(DateTime::secs))
            .collect();
        assert_eq!(seconds, [10, 11]);
    }

    #[test]
    fn a_throttled_request_is_no_invocation() {
        let data = data("shop", &slots(&[("1", 10, Outcome::Throttled)]));
        assert!(sum(&data, "Throttles", Some("1")) == 1.0);
        assert!(
            data.iter()
                .all(|datum| datum.metric_name() != Some("Invocations"))
        );
    }

    #[test]
    fn durations_carry_their_counts() {
        let data = data(
            "shop",
            &slots(&[("1", 10, ended(false)), ("1", 10, ended(false))]),
        );
        let duration = data
            .iter()
            .find(|datum| datum.metric_name() == Some("Duration"))
            .unwrap();
        assert_eq!(duration.values(), [12.0]);
        assert_eq!(duration.counts(), [2.0]);
    }

    #[test]
    fn what_could_not_be_put_is_kept() {
        let metrics = Metrics::new(Client::new(&crate::engine::sdk_config(
            "http://127.0.0.1:9",
        )));
        metrics.count("shop", "live", "1", UNIX_EPOCH, ended(false));
        let counted = std::mem::take(&mut *metrics.counted.lock().unwrap());
        metrics.count("shop", "live", "1", UNIX_EPOCH, ended(true));

        metrics.keep("shop", &counted["shop"]);

        let merged = metrics.counted.lock().unwrap();
        let counts = merged["shop"].values().next().unwrap();
        assert_eq!((counts.invocations, counts.errors), (2, 1));
    }
}

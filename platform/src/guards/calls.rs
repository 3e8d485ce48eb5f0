//! How often older code was called: of each version that does not serve, and by names
//! behind which nobody knows what runs.

use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};
use sluice_domain::judge::MetricQuery;
use sluice_domain::migrations::{Called, Entrances, OldCalls};
use sluice_domain::naming::function_name;

use super::{Signals, sum};
use crate::cloudwatch::{self, Series};
use crate::fault::Fault;

/// For how long CloudWatch may know of a call by one name and not by another.
const LAG: SignedDuration = SignedDuration::from_mins(5);

/// A function, how it is called, and its versions.
#[derive(Debug, Clone)]
pub struct Callable<'a> {
    /// The names by which it is called.
    pub entrances: &'a Entrances<'a>,
    /// The version that serves. None: none does.
    pub serves: Option<String>,
    /// All other versions.
    pub others: Vec<String>,
}

/// What is asked of a function, in this order: all calls, those that are known to be of
/// what serves or of others' concern, and for each other version those by its own name and
/// as one of two behind the alias.
struct Asked {
    queries: Vec<MetricQuery>,
    known: RangeInclusive<usize>,
}

impl Callable<'_> {
    /// Lambda counts all calls of a function, those of an alias or a version by its name,
    /// and those of an alias by the version that ran
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html>).
    fn asked(&self) -> Asked {
        let name = function_name(self.entrances.function);
        let alias = self.entrances.alias;
        let calls = |qualifier, executed| sum("Invocations", name, qualifier, executed);
        let known = [alias].into_iter();
        let known = known
            .chain(self.serves.as_deref())
            .chain(self.entrances.apart.iter().copied());
        let mut queries = vec![calls(None, None)];
        queries.extend(known.map(|qualifier| calls(Some(qualifier), None)));
        let known = 1..=queries.len() - 1;
        for version in &self.others {
            queries.push(calls(Some(version), None));
            queries.push(calls(Some(alias), Some(version)));
        }
        Asked { queries, known }
    }

    /// What was called. None: CloudWatch did not answer in full.
    fn old_calls(
        &self,
        asked: &Asked,
        answer: &[Option<Series>],
        (period, until): (SignedDuration, Timestamp),
    ) -> Option<Vec<OldCalls>> {
        let answer: Option<Vec<&Series>> = answer.iter().map(Option::as_ref).collect();
        let answer = answer?;
        let total = answer.first()?;
        let others = answer.get(asked.known.end() + 1..)?;
        let by_name = others.chunks(2).filter_map(<[_]>::first);
        let mut known: Vec<&Series> = answer.get(asked.known.clone())?.to_vec();
        known.extend(by_name);
        let settled = total.iter().filter(|(from, _)| {
            let ended = from.checked_add(period);
            ended.is_ok_and(|ended| ended <= until)
        });
        let elsewhere = settled.map(|(at, calls)| {
            let known = known.iter().filter_map(|series| series.get(at));
            (calls - known.sum::<f64>()).max(0.0)
        });
        let told = |called, calls| OldCalls {
            function: function_name(self.entrances.function).to_owned(),
            called,
            calls,
        };
        let mut found = vec![told(Called::Elsewhere, elsewhere.sum())];
        let versions = self.others.iter().zip(others.chunks(2));
        found.extend(versions.map(|(version, calls)| {
            let calls = calls.iter().flat_map(|series| series.values()).sum();
            told(Called::Version(version.clone()), calls)
        }));
        Some(found)
    }
}

impl Signals {
    /// How often other code than what serves was called in this time. Of calls by unknown
    /// names those of the last minutes are not told: CloudWatch may not know all yet.
    ///
    /// # Errors
    /// When CloudWatch fails, or does not answer in full.
    pub async fn old_calls(
        &self,
        functions: &[Callable<'_>],
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<OldCalls>, Fault> {
        let asked: Vec<Asked> = functions.iter().map(Callable::asked).collect();
        let queries = asked.iter().flat_map(|asked| asked.queries.clone());
        let queries: Vec<MetricQuery> = queries.collect();
        let period = period(to.duration_since(from));
        let seconds = period.as_secs().unsigned_abs();
        let answers = cloudwatch::series(&self.cloudwatch, &queries, (from, to), seconds).await?;
        let until = to.saturating_sub(LAG).unwrap_or(Timestamp::MIN);
        let mut answers = answers.as_slice();
        let mut found = Vec::new();
        for (function, asked) in functions.iter().zip(&asked) {
            let (own, rest) = answers.split_at(asked.queries.len().min(answers.len()));
            answers = rest;
            let calls = function.old_calls(asked, own, (period, until));
            found.extend(calls.ok_or_else(|| {
                let name = function.entrances.function;
                let problem = format!("the calls of {name} were not answered in full; try again");
                Fault::other("cloudwatch:GetMetricData", problem)
            })?);
        }
        Ok(found)
    }
}

/// Data points of a minute are kept for 15 days, of five for 63, of an hour for 455
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html>).
const fn period(time: SignedDuration) -> SignedDuration {
    match time.as_hours() {
        ..=3 => SignedDuration::from_mins(1),
        4..=72 => SignedDuration::from_mins(5),
        _ => SignedDuration::from_hours(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrances() -> Entrances<'static> {
        Entrances {
            function: "shop-api",
            alias: "live",
            apart: vec!["staging"],
        }
    }

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).expect("a time")
    }

    /// What is told, where these were counted in the same minute: all; by `live`, 2 and
    /// `staging`; by the name of 1, and of 1 behind `live`.
    fn told(counted: [f64; 6], until: i64) -> Vec<(Called, f64)> {
        let entrances = entrances();
        let function = Callable {
            entrances: &entrances,
            serves: Some("2".to_owned()),
            others: vec!["1".to_owned()],
        };
        let asked = function.asked();
        let answer = counted.map(|calls| Some(Series::from([(minute(10), calls)])));
        let lasts = (SignedDuration::from_mins(1), minute(until));
        let told = function.old_calls(&asked, &answer, lasts).expect("all");
        let told = told.into_iter().filter(|one| one.calls > 0.0);
        told.map(|one| (one.called, one.calls)).collect()
    }

    #[test]
    fn what_is_called_by_no_known_name_is_told() {
        assert_eq!(told([12.0, 7.0, 2.0, 3.0, 0.0, 0.0], 20), []);
        let elsewhere = [(Called::Elsewhere, 1.0)];
        assert_eq!(told([13.0, 7.0, 2.0, 3.0, 0.0, 0.0], 20), elsewhere);
        let version = [(Called::Version("1".to_owned()), 4.0)];
        assert_eq!(told([9.0, 7.0, 0.0, 0.0, 2.0, 2.0], 20), version);
    }

    #[test]
    fn what_cloudwatch_may_not_know_in_full_yet_is_told_only_of_versions() {
        let counted = [13.0, 7.0, 0.0, 0.0, 1.0, 0.0];
        assert_eq!(told(counted, 11).len(), 2);
        let version = [(Called::Version("1".to_owned()), 1.0)];
        assert_eq!(told(counted, 10), version);
    }

    #[test]
    fn an_answer_that_lacks_something_tells_nothing() {
        let entrances = entrances();
        let function = Callable {
            entrances: &entrances,
            serves: None,
            others: Vec::new(),
        };
        let asked = function.asked();
        let lasts = (SignedDuration::from_mins(1), minute(20));
        let answer = [Some(Series::new()), None, Some(Series::new())];
        assert_eq!(function.old_calls(&asked, &answer, lasts), None);
        assert_eq!(function.old_calls(&asked, &[], lasts), None);
    }
}

//! Runs a release's smoke tests: before any caller reaches the new versions,
//! and again through the door that callers use. Makes an environment's probes.
//!
//! Decides: which tests run (URLs can't be pinned to a version, so they wait
//! for the live stage), what they call, and ([`expect`]) whether the answers
//! are right, that of the version that answered included. Says which of the
//! environment's test suites runs next, if it has any.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`.
//!
//! Never: stops at the first failed test, calls anything but what the bundle's
//! manifest or the environment's probes name, or changes anything itself. What the called functions do is
//! theirs.

pub mod aws;
mod error;
pub mod expect;
mod probe;
pub mod web;

use std::future::Future;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_domain::digest::Digest;
use sluice_domain::journal::{Published, Versions};
use sluice_domain::judge::{Probe, Probed};
use sluice_domain::manifest::{Manifest, SmokeTest};
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Role;
use sluice_domain::suites::{self, Follows, Subject, Suite, follows};
use sluice_domain::text::address;
use sluice_platform::fault::Fault;
use sluice_platform::store::StoreError;

pub use error::Error;
pub use expect::{Answer, Source};

/// How long all tests of a stage may take together. Ends before the function's
/// own time-out does, so that the tests that were too slow are named.
pub const LIMIT: Duration = Duration::from_secs(240);
/// How long an alias may take until all of Lambda knows where it points.
pub const SPREADS_WITHIN: Duration = Duration::from_secs(20);

/// How long all probes of one look may take together: `judge` waits for them, and
/// the state machine for `judge`.
pub const PROBES_WITHIN: Duration = Duration::from_secs(20);

/// What the state machine asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Whose tests.
    pub promotion: PromotionId,
    /// Which door to use.
    pub stage: Stage,
    /// Only the tests of this function, by the name that manifests use. URLs are
    /// nobody's: they are left out then.
    #[serde(default)]
    pub function: Option<String>,
}

/// Which door the tests use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The exact versions, before callers reach them. No URLs.
    New,
    /// The aliases that callers use, and the URLs.
    Live,
    /// Not tests of the release, but the probes of the environment.
    Probe,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Live => "live",
            Self::Probe => "probe",
        }
    }
}

/// What came of it, if all tests passed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Output {
    /// How many.
    pub passed: usize,
    /// What each probe found, at the stage `probe`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probed>,
    /// What the rollout does next, where all tests of a stage ran.
    #[serde(flatten)]
    pub follows: Option<Follows>,
}

/// What earlier steps wrote down.
#[derive(Debug, Clone)]
pub struct Work {
    /// Holds the tests.
    pub manifest: Manifest,
    /// What was published, and what was there.
    pub versions: Versions,
    /// The role to assume for the functions, if they are in another account.
    pub role: Option<Role>,
    /// The bundle's digest.
    pub bundle: Digest,
    /// The environment's test suites.
    pub suites: Vec<Suite>,
}

/// What is needed to make probes.
#[derive(Debug, Clone)]
pub struct Prober {
    /// The probes of the approved plan.
    pub probes: Vec<Probe>,
    /// What was published.
    pub versions: Versions,
    /// The role to assume for the functions, if they are in another account.
    pub role: Option<Role>,
}

/// What one test found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestResult {
    /// The test's name.
    pub test: String,
    /// What was called: a function at a qualifier, or a URL.
    pub target: String,
    /// How long the answer took. None: there was none.
    pub latency_ms: Option<u128>,
    /// What was not as expected. Empty: passed.
    pub problems: Vec<String>,
}

/// Calls Lambda functions.
pub trait Call {
    /// Invokes a function at a version or an alias and waits for its answer.
    /// Not idempotent: the function runs again each time.
    fn invoke(
        &self,
        function: &str,
        qualifier: &str,
        payload: &Value,
    ) -> impl Future<Output = Result<Answer, Fault>>;
}

/// Opens an environment's account.
pub trait Open {
    /// What it opens.
    type Functions: Call;

    /// With the role that the environment's settings name, if any. Changes nothing.
    fn open(
        &self,
        role: Option<&Role>,
        promotion: &PromotionId,
    ) -> impl Future<Output = Self::Functions>;
}

/// Fetches URLs.
pub trait Fetch {
    /// GETs an https URL within this time. Err says why there is no answer.
    /// Safe to repeat as far as GET is.
    fn fetch(&self, url: &str, within: Duration) -> impl Future<Output = Result<Answer, String>>;
}

/// The promotion's record.
pub trait Records {
    /// What earlier steps wrote down. Reads only.
    fn work(&self, id: &PromotionId) -> impl Future<Output = Result<Work, Error>>;

    /// What is needed to make probes. Reads only.
    fn probes(&self, id: &PromotionId) -> impl Future<Output = Result<Prober, Error>>;
}

/// The way to the ledger.
pub trait Record {
    /// Records what the tests of a stage found, or those of one function in it. Recorded once, however often it
    /// is repeated.
    fn tested(
        &self,
        id: &PromotionId,
        stage: &'static str,
        function: Option<&str>,
        results: &[TestResult],
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// The function.
pub struct Smoke<A, W, R, L> {
    /// Where functions are.
    pub accounts: A,
    /// The way to URLs.
    pub web: W,
    /// Where the promotion's record is.
    pub records: R,
    /// The way to the ledger.
    pub ledger: L,
    /// How long all tests may take together.
    pub limit: Duration,
    /// How long an alias may take until all of Lambda knows where it points.
    pub spreads_within: Duration,
    /// How long all probes of one look may take together.
    pub probes_within: Duration,
}

impl<A: Open, W: Fetch, R: Records, L: Record> Smoke<A, W, R, L> {
    /// Runs the tests of a stage in the manifest's order, one after the other:
    /// a later one may look at what an earlier one did.
    ///
    /// # Errors
    /// `SmokeTestFailed` with every test that failed; others when a test could
    /// not be made.
    pub async fn handle(&self, input: Input) -> Result<Output, Error> {
        let Input {
            promotion,
            stage,
            function: only,
        } = input;
        if stage == Stage::Probe {
            return self.probe(&promotion).await;
        }
        let work = self.records.work(&promotion).await?;
        let functions = self.accounts.open(work.role.as_ref(), &promotion).await;
        let until = Instant::now() + self.limit;
        let mut results = Vec::new();
        let all = work.manifest.smoke_tests.iter();
        for test in all.filter(|test| only.is_none() || test.function == only) {
            let left = until.saturating_duration_since(Instant::now());
            match (&test.function, &test.url) {
                (Some(name), _) => {
                    let version = work.versions.get(name);
                    let missing = || {
                        StoreError::Missing(format!("version of function {name} of {promotion}"))
                    };
                    let version = version.ok_or_else(missing)?;
                    results.push(self.call(&functions, test, version, stage, left).await?);
                }
                (None, Some(url)) if stage == Stage::Live => {
                    results.push(self.fetch(test, url, left).await)
                }
                (None, _) => {}
            }
        }
        self.ledger
            .tested(&promotion, stage.name(), only.as_deref(), &results)
            .await?;
        let ran = results.len();
        let failed: Vec<_> = results
            .into_iter()
            .filter(|result| !result.problems.is_empty())
            .collect();
        if !failed.is_empty() {
            return Err(Error::SmokeTestFailed { failed, ran });
        }
        Ok(Output {
            passed: ran,
            follows: first_suite(&work, &promotion, stage).filter(|_| only.is_none()),
            ..Output::default()
        })
    }

    async fn call(
        &self,
        functions: &A::Functions,
        test: &SmokeTest,
        published: &Published,
        stage: Stage,
        left: Duration,
    ) -> Result<TestResult, Error> {
        let qualifier = match stage {
            Stage::New | Stage::Probe => &published.version,
            Stage::Live => &published.alias,
        };
        let target = format!("{}:{qualifier}", published.name);
        let call = self.settled_call(functions, published, qualifier, test, stage);
        match tokio::time::timeout(left, call).await {
            Ok(answer) => Ok(result(test, target, Ok(answer?), Some(&published.version))),
            Err(_) => Ok(result(test, target, Err(self.no_time()), None)),
        }
    }

    /// Calls once, and at an alias once more for as long as an older version
    /// still answers there: an update takes a moment to spread.
    async fn settled_call(
        &self,
        functions: &A::Functions,
        published: &Published,
        qualifier: &str,
        test: &SmokeTest,
        stage: Stage,
    ) -> Result<Answer, Fault> {
        let until = Instant::now() + self.spreads_within;
        loop {
            let answer = functions
                .invoke(&published.arn, qualifier, &test.payload)
                .await?;
            let is_old = stage == Stage::Live && answer.is_of_another(&published.version);
            if !is_old || Instant::now() >= until {
                return Ok(answer);
            }
            tokio::time::sleep(SPREADING).await;
        }
    }

    async fn fetch(&self, test: &SmokeTest, url: &str, left: Duration) -> TestResult {
        let answer = if left.is_zero() {
            Err(self.no_time())
        } else {
            self.web.fetch(url, left).await
        };
        result(test, address(url), answer, None)
    }

    fn no_time(&self) -> String {
        format!(
            "found no answer, expected one within the {} s that all tests share",
            self.limit.as_secs()
        )
    }
}

const SPREADING: Duration = Duration::from_millis(500);

/// What a rollout does next when all smoke tests of a stage have passed.
fn first_suite(work: &Work, promotion: &PromotionId, stage: Stage) -> Option<Follows> {
    let stage = match stage {
        Stage::New => suites::Stage::New,
        Stage::Live => suites::Stage::Live,
        Stage::Probe => return None,
    };
    let subject = Subject {
        promotion,
        bundle: &work.bundle,
        versions: &work.versions,
        run: None,
    };
    Some(follows(&work.suites, stage, None, subject))
}

fn result(
    test: &SmokeTest,
    target: String,
    answer: Result<Answer, String>,
    version: Option<&str>,
) -> TestResult {
    let (latency_ms, problems) = match answer {
        Ok(answer) => {
            let found = expect::mismatches(&test.expect, &answer, version);
            (
                Some(answer.latency.as_millis()),
                found.iter().map(ToString::to_string).collect(),
            )
        }
        Err(reason) => (None, vec![reason]),
    };
    TestResult {
        test: test.name.clone(),
        target,
        latency_ms,
        problems,
    }
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;

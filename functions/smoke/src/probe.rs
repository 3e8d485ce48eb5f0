//! Probes: the calls that an environment's settings ask for at each look of the
//! judge. Whether their failures fail the step is the judge's to say.

use std::time::{Duration, Instant};

use sluice_domain::journal::Published;
use sluice_domain::judge::Probed;
use sluice_domain::manifest::SmokeTest;
use sluice_domain::promotion::PromotionId;
use sluice_domain::text::address;
use sluice_platform::fault::Fault;

use crate::{Call, Error, Fetch, Open, Output, Record, Records, Smoke, TestResult, result};

impl<A: Open, W: Fetch, R: Records, L: Record> Smoke<A, W, R, L> {
    /// Makes each probe once, one after the other, each within its part of the time
    /// that is left.
    ///
    /// # Errors
    /// When the promotion's record can't be read. What a probe meets is its result.
    pub(crate) async fn probe(&self, promotion: &PromotionId) -> Result<Output, Error> {
        let work = self.records.probes(promotion).await?;
        let functions = self.accounts.open(work.role.as_ref(), promotion).await;
        let until = Instant::now() + self.probes_within;
        let mut probes = Vec::new();
        let tests = work.probes.iter().map(|probe| &probe.test);
        for (test, left) in tests.zip((1..=work.probes.len()).rev()) {
            let rest = until.saturating_duration_since(Instant::now());
            let within = rest / u32::try_from(left).unwrap_or(u32::MAX);
            match (&test.function, &test.url) {
                (Some(name), _) => {
                    // A function that is not part of the release has no new version.
                    if let Some(version) = work.versions.get(name) {
                        probes.push(call(&functions, test, version, within).await);
                    }
                }
                (None, Some(url)) => {
                    let answer = self.web.fetch(url, within).await;
                    probes.push(found(result(test, address(url), answer, None)));
                }
                (None, None) => {}
            }
        }
        let passed = probes.iter().filter(|probed| probed.problems.is_empty());
        Ok(Output {
            passed: passed.filter(|probed| probed.fault.is_none()).count(),
            probes,
            ..Output::default()
        })
    }
}

/// Calls the new version itself, whatever share of the traffic it has.
async fn call(
    functions: &impl Call,
    test: &SmokeTest,
    published: &Published,
    within: Duration,
) -> Probed {
    let target = format!("{}:{}", published.name, published.version);
    let call = functions.invoke(&published.arn, &published.version, &test.payload);
    match tokio::time::timeout(within, call).await {
        Ok(Ok(answer)) => found(result(test, target, Ok(answer), Some(&published.version))),
        Ok(Err(fault)) => not_made(test, target, &fault),
        Err(_) => {
            let problem = format!("found no answer, expected one within {within:.1?}");
            found(result(test, target, Err(problem), None))
        }
    }
}

fn found(result: TestResult) -> Probed {
    Probed {
        name: result.test,
        target: result.target,
        latency_ms: result
            .latency_ms
            .map(|latency| u64::try_from(latency).unwrap_or(u64::MAX)),
        problems: result.problems,
        fault: None,
    }
}

fn not_made(test: &SmokeTest, target: String, fault: &Fault) -> Probed {
    Probed {
        name: test.name.clone(),
        target,
        latency_ms: None,
        problems: Vec::new(),
        fault: Some(fault.to_string()),
    }
}

//! Keeps clients under the rate that Lambda's control plane takes.
//!
//! A turn is waited for before each request goes out, those that the SDK repeats
//! included, so however many calls are begun at once, they leave one by one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// "Lambda quotas" in AWS's developer guide: the control plane takes 15 requests a
/// second for all of an account's callers and all its APIs together, beside 100 of
/// GetFunction. Others need some too.
const INTERVAL: Duration = Duration::from_millis(85);
/// This many calls may go at once before the pace sets in.
const BURST: u32 = 10;
/// How often one call is made at most where it is throttled or gets no answer, with
/// jitter and a pause that doubles in between. Others may use the rate up for seconds.
const ATTEMPTS: u32 = 6;

/// How many calls to keep in flight so that the pace, and not the time that a call
/// takes, is what holds a group up. Lambda answers most in less than half a second.
pub const IN_FLIGHT: usize = 8;

/// The same configuration for clients of Lambda's control plane: their calls are
/// spaced out, all together, and repeated while Lambda throttles them.
///
/// Not for invocations, which have a rate of their own.
#[must_use]
pub fn paced(config: &SdkConfig) -> SdkConfig {
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
    let mut paced = config.to_builder().retry_config(retries);
    if let Some(inner) = config.http_client() {
        let pace = Arc::new(Mutex::new(Pace::from(Instant::now())));
        paced = paced.http_client(PacedClient { inner, pace });
    }
    paced.build()
}

/// An HTTP client whose requests wait for their turn.
#[derive(Debug)]
struct PacedClient {
    inner: SharedHttpClient,
    pace: Arc<Mutex<Pace>>,
}

impl HttpClient for PacedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(PacedConnector {
            inner: self.inner.http_connector(settings, components),
            pace: Arc::clone(&self.pace),
        })
    }
}

/// What sends the requests of [`PacedClient`].
#[derive(Debug)]
struct PacedConnector {
    inner: SharedHttpConnector,
    pace: Arc<Mutex<Pace>>,
}

impl HttpConnector for PacedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = pace.wait(Instant::now());
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(wait).await;
            inner.call(request).await
        })
    }
}

/// Spaces out calls.
#[derive(Debug)]
struct Pace {
    /// When the next call would be due if calls went evenly from the start.
    due: Instant,
}

impl Pace {
    fn from(start: Instant) -> Self {
        Self { due: start }
    }

    /// How long from now until the next call may go. Time that calls took is
    /// saved up, for no more than one burst.
    fn wait(&mut self, now: Instant) -> Duration {
        let wait = self
            .due
            .saturating_duration_since(now + INTERVAL * (BURST - 1));
        self.due = self.due.max(now + wait) + INTERVAL;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits of calls that take `each`, one after the other.
    fn waits(pace: &mut Pace, now: &mut Instant, calls: u32, each: Duration) -> Vec<Duration> {
        let call = |_| {
            let wait = pace.wait(*now);
            *now += wait + each;
            wait
        };
        (0..calls).map(call).collect()
    }

    fn at_once(waits: &[Duration]) -> usize {
        waits.iter().take_while(|wait| wait.is_zero()).count()
    }

    #[test]
    fn the_first_ten_calls_go_at_once_and_the_others_85_ms_apart() {
        let mut now = Instant::now();
        let waits = waits(&mut Pace::from(now), &mut now, 100, Duration::ZERO);
        assert_eq!(at_once(&waits), 10);
        assert!(waits[10..].iter().all(|wait| wait.as_millis() == 85));
    }

    #[test]
    fn a_hundred_calls_begun_at_once_leave_within_what_lambda_takes() {
        let now = Instant::now();
        let mut pace = Pace::from(now);
        let leaves: Vec<Duration> = (0..100).map(|_| pace.wait(now)).collect();
        for (before, leave) in leaves.iter().enumerate() {
            // Fifteen a second, and no more than fifteen at once.
            let lambda_takes = 15.0 + 15.0 * leave.as_secs_f64();
            assert!((before as f64) < lambda_takes, "{before} at {leave:?}");
        }
        assert!(leaves[99] < Duration::from_secs(8), "{:?}", leaves[99]);
    }

    #[test]
    fn a_call_waits_only_for_what_the_one_before_has_not_used_up() {
        let mut now = Instant::now();
        let mut pace = Pace::from(now);
        waits(&mut pace, &mut now, 10, Duration::ZERO);
        let waits = waits(&mut pace, &mut now, 3, Duration::from_millis(25));
        let waits: Vec<u128> = waits.iter().map(Duration::as_millis).collect();
        assert_eq!(waits, [85, 60, 60]);
    }

    #[test]
    fn calls_that_take_longer_than_the_pace_never_wait() {
        let mut now = Instant::now();
        let waits = waits(&mut Pace::from(now), &mut now, 100, INTERVAL);
        assert_eq!(at_once(&waits), 100);
    }

    #[test]
    fn a_call_that_hangs_is_made_up_for_by_one_burst_and_no_more() {
        let mut now = Instant::now();
        let mut pace = Pace::from(now);
        waits(&mut pace, &mut now, 1, Duration::from_secs(60));
        let waits = waits(&mut pace, &mut now, 12, Duration::ZERO);
        assert_eq!(at_once(&waits), 10);
    }
}

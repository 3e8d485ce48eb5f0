//! A steady stream of invocations through the front door.
//!
//! The stream is open-loop: it sends at its rate whatever the answers take, as
//! customers do. When too many answers are outstanding it leaves invocations
//! out and counts them as `shed`, so that a slow function never turns into an
//! endless queue. Payloads come from a seeded generator: the same seed gives
//! the same orders.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{Error, Result};

/// An alias that is invoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The function's name.
    pub function: String,
    /// Its alias.
    pub alias: String,
}

impl Target {
    /// The alias `alias` of `function`.
    #[must_use]
    pub fn new(function: impl Into<String>, alias: impl Into<String>) -> Self {
        Self {
            function: function.into(),
            alias: alias.into(),
        }
    }
}

/// Makes the payload of one invocation from its number and a seeded generator.
pub type Payload = Arc<dyn Fn(&Target, u64, &mut StdRng) -> Value + Send + Sync>;

/// What is sent, how fast, to whom.
#[derive(Clone)]
pub struct Plan {
    /// The aliases, invoked in turn.
    pub targets: Vec<Target>,
    /// Invocations per second, over all targets.
    pub per_second: u32,
    /// How many may be outstanding.
    pub concurrency: usize,
    /// What the payloads are drawn from.
    pub seed: u64,
    /// Makes the payloads.
    pub payload: Payload,
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Plan")
            .field("targets", &self.targets)
            .field("per_second", &self.per_second)
            .field("concurrency", &self.concurrency)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Invocations of one version, and those that ended in a function error.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Those that the function answered.
    pub invocations: u64,
    /// Those among them that it failed.
    pub errors: u64,
}

impl Count {
    fn add(&mut self, failed: bool) {
        self.invocations += 1;
        self.errors += u64::from(failed);
    }
}

/// A function's name and the version that answered.
pub type Version = (String, String);

/// What was seen so far.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Per function and executed version.
    pub versions: BTreeMap<Version, Count>,
    /// Refused for lack of concurrency.
    pub throttled: u64,
    /// Answered with another error than the function's own, or not at all.
    pub unanswered: u64,
    /// Left out because too many were outstanding.
    pub shed: u64,
    /// The last reason for an `unanswered`.
    pub last_failure: Option<String>,
}

impl Totals {
    /// All invocations of all versions.
    #[must_use]
    pub fn all(&self) -> Count {
        self.versions
            .values()
            .fold(Count::default(), |sum, count| Count {
                invocations: sum.invocations + count.invocations,
                errors: sum.errors + count.errors,
            })
    }
}

/// What others may read while the stream runs.
#[derive(Debug, Clone)]
pub struct Reading {
    seen: Arc<Mutex<Seen>>,
    began: Instant,
}

#[derive(Debug, Default)]
struct Seen {
    totals: Totals,
    seconds: Vec<BTreeMap<Version, Count>>,
}

impl Reading {
    /// What was seen so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .totals
            .clone()
    }

    /// The same per second since the stream began.
    #[must_use]
    pub fn seconds(&self) -> Vec<BTreeMap<Version, Count>> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .seconds
            .clone()
    }

    fn note(&self, function: &str, ending: Ending) {
        let second = usize::try_from(self.began.elapsed().as_secs()).unwrap_or(usize::MAX);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match ending {
            Ending::Answered { version, failed } => {
                let key = (function.to_owned(), version);
                if seen.seconds.len() <= second {
                    seen.seconds.resize_with(second + 1, BTreeMap::new);
                }
                seen.seconds[second]
                    .entry(key.clone())
                    .or_default()
                    .add(failed);
                seen.totals.versions.entry(key).or_default().add(failed);
            }
            Ending::Throttled => seen.totals.throttled += 1,
            Ending::Shed => seen.totals.shed += 1,
            Ending::Unanswered(reason) => {
                seen.totals.unanswered += 1;
                seen.totals.last_failure = Some(reason);
            }
        }
    }
}

enum Ending {
    Answered { version: String, failed: bool },
    Throttled,
    Shed,
    Unanswered(String),
}

/// A stream that runs.
#[derive(Debug)]
pub struct Load {
    reading: Reading,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Load {
    /// Starts a stream through the front door at `door`.
    pub fn start(door: &str, plan: Plan) -> Result<Self> {
        let addresses = plan
            .targets
            .iter()
            .map(|target| address(door, target))
            .collect::<Result<Vec<_>>>()?;
        let reading = Reading {
            seen: Arc::default(),
            began: Instant::now(),
        };
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(send_all(plan, addresses, reading.clone(), stopped));
        Ok(Self {
            reading,
            stop,
            task,
        })
    }

    /// A handle to what is seen, for others.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.reading.clone()
    }

    /// Sends no more, waits for the answers that are outstanding, and says what was seen.
    pub async fn stop(self) -> Totals {
        // Without a receiver the stream has ended already.
        let _ = self.stop.send(true);
        let _ = self.task.await;
        self.reading.totals()
    }
}

fn address(door: &str, target: &Target) -> Result<Uri> {
    let path = format!("/2015-03-31/functions/{}/invocations", target.function);
    let address = format!(
        "{}{path}?Qualifier={}",
        door.trim_end_matches('/'),
        target.alias
    );
    match address.parse::<Uri>() {
        Ok(uri) if uri.scheme_str() == Some("http") && uri.authority().is_some() => Ok(uri),
        Ok(_) => Err(Error::Address {
            address,
            reason: "it has no http:// and host".to_owned(),
        }),
        Err(error) => Err(Error::Address {
            address,
            reason: error.to_string(),
        }),
    }
}

async fn send_all(
    plan: Plan,
    addresses: Vec<Uri>,
    reading: Reading,
    mut stopped: watch::Receiver<bool>,
) {
    if plan.per_second == 0 || addresses.is_empty() {
        return;
    }
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let permits = Arc::new(Semaphore::new(plan.concurrency));
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut tick = interval(Duration::from_secs(1) / plan.per_second);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut outstanding = JoinSet::new();
    let turns = plan.targets.iter().zip(&addresses).cycle();
    for (order, (target, address)) in (1_u64..).zip(turns) {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stopped.changed() => break,
        }
        // Drawn even for one that is shed, so that the orders stay the same.
        let payload = (plan.payload)(target, order, &mut rng).to_string();
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            reading.note(&target.function, Ending::Shed);
            continue;
        };
        let (client, reading) = (client.clone(), reading.clone());
        let (function, address) = (target.function.clone(), address.clone());
        outstanding.spawn(async move {
            let ending = send(&client, address, payload).await;
            reading.note(&function, ending);
            drop(permit);
        });
        while outstanding.try_join_next().is_some() {}
    }
    while outstanding.join_next().await.is_some() {}
}

async fn send(
    client: &Client<HttpConnector, Full<Bytes>>,
    address: Uri,
    payload: String,
) -> Ending {
    let request = Request::post(address).body(Full::new(Bytes::from(payload)));
    let request = match request {
        Ok(request) => request,
        Err(error) => return Ending::Unanswered(error.to_string()),
    };
    match client.request(request).await {
        Ok(response) => ending(response).await,
        Err(error) => Ending::Unanswered(error.to_string()),
    }
}

async fn ending(response: Response<Incoming>) -> Ending {
    let (parts, body) = response.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Ending::Unanswered(error.to_string()),
    };
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    match (parts.status, header("x-amz-executed-version")) {
        (StatusCode::TOO_MANY_REQUESTS, _) => Ending::Throttled,
        (status, Some(version)) if status.is_success() => Ending::Answered {
            version: version.to_owned(),
            failed: header("x-amz-function-error").is_some(),
        },
        (status, _) => Ending::Unanswered(format!("{status}: {}", String::from_utf8_lossy(&body))),
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    fn plan(targets: Vec<Target>) -> Plan {
        let payload: Payload = Arc::new(
            |_, order, rng| serde_json::json!({ "order": order, "draw": rng.random_range(0..100) }),
        );
        Plan {
            targets,
            per_second: 200,
            concurrency: 4,
            seed: 1,
            payload,
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_payloads() {
        let plan = plan(vec![Target::new("shop", "live")]);
        let payloads = |mut rng: StdRng| -> Vec<Value> {
            (1..50)
                .map(|order| (plan.payload)(&plan.targets[0], order, &mut rng))
                .collect()
        };
        let first = payloads(StdRng::seed_from_u64(plan.seed));
        assert_eq!(first, payloads(StdRng::seed_from_u64(plan.seed)));
        assert_ne!(first, payloads(StdRng::seed_from_u64(plan.seed + 1)));
    }

    #[test]
    fn an_address_without_scheme_is_refused() {
        let error = address("localhost:1", &Target::new("shop", "live")).unwrap_err();
        assert!(
            error.to_string().contains("expected http://host:port"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_door_that_is_shut_is_counted_and_named() {
        let port = crate::engine::free_port(0).unwrap();
        let targets = vec![Target::new("shop", "live")];
        let load = Load::start(&format!("http://127.0.0.1:{port}"), plan(targets)).unwrap();
        let reading = load.reading();
        while reading.totals().unanswered == 0 {
            tokio::task::yield_now().await;
        }
        let totals = load.stop().await;
        assert!(totals.last_failure.is_some());
        assert_eq!(totals.all(), Count::default());
    }
}

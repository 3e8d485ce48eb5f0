use std::cell::{Cell, RefCell};

use judge::{Series, Window};
use shift::WriteError;
use sluice_domain::alias::{Alias, Routing};
use sluice_domain::judge::{AlarmState, MetricQuery};
use sluice_domain::settings::Role;

use super::*;

fn fault() -> Fault {
    Fault::other("an AWS call", "connection reset")
}

/// An alias that stands so at one look after the other, and at last as at the last.
/// None: that look fails.
struct Looks(RefCell<Vec<Option<Routing>>>);

impl Looks {
    fn of(looks: impl IntoIterator<Item = Option<Routing>>) -> Self {
        let mut looks: Vec<_> = looks.into_iter().collect();
        looks.reverse();
        Self(RefCell::new(looks))
    }
}

impl Aliases for Looks {
    async fn read(&self, _: &Entry) -> Result<Option<Alias>, Fault> {
        let routing = self.0.borrow_mut().pop();
        let routing = routing
            .expect("as many looks as there are")
            .ok_or_else(fault)?;
        Ok(Some(Alias {
            routing,
            revision: "r".to_owned(),
            description: None,
        }))
    }

    async fn write(
        &self,
        _: &Entry,
        _: &Routing,
        _: Option<&str>,
        _: &str,
    ) -> Result<String, WriteError> {
        unreachable!("an onlooker writes nothing")
    }

    async fn delete(&self, _: &Entry) -> Result<(), Fault> {
        unreachable!("an onlooker deletes nothing")
    }
}

/// CloudWatch, which fails so often.
struct Shaky(Cell<usize>);

impl Metrics for Shaky {
    async fn series(
        &self,
        _: Option<&Role>,
        _: &PromotionId,
        queries: &[MetricQuery],
        _: &Window,
    ) -> Result<Vec<Option<Series>>, Fault> {
        match self.0.get() {
            0 => Ok(vec![Some(Series::new()); queries.len()]),
            left => {
                self.0.set(left - 1);
                Err(fault())
            }
        }
    }

    async fn alarms(
        &self,
        _: Option<&Role>,
        _: &PromotionId,
        _: &[String],
    ) -> Result<BTreeMap<String, AlarmState>, Fault> {
        Ok(BTreeMap::new())
    }
}

/// A rollout that is at 10 % for so many looks and is taken back then.
async fn watched(looks: usize, failing: usize) -> Result<Exit> {
    let settings = serde_json::from_value(json!({
        "schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}},
    }));
    let settings: Settings = settings.expect("settings");
    let before = Routing::only("1");
    let mut shared = before.clone();
    shared.weights.insert("2".to_owned(), 0.1);
    let still = Routings::from([("api".to_owned(), before.clone())]);
    let onlooker = Onlooker::new(&settings, &still);
    let same = vec![Some(shared); looks];
    let watch = Watch {
        judge: Judge {
            records: Seat::new(&settings, &onlooker.journal),
            metrics: Shaky(Cell::new(failing)),
            functions: NotAsked,
            ledger: Unwritten,
        },
        aliases: Looks::of([None].into_iter().chain(same).chain([None, Some(before)])),
        onlooker,
        longest_calls: BTreeMap::new(),
        every: Duration::ZERO,
        patience: Duration::ZERO,
        waited: Duration::ZERO,
        settings,
        id: "shop/prod/0.0.0/1".parse().expect("an id"),
        looks: Vec::new(),
    };
    watch.run(&Output::detect(true)).await
}

#[tokio::test]
async fn a_look_that_fails_is_taken_again() {
    let exit = watched(FAILURES + 2, FAILURES - 1).await;
    assert_eq!(exit.expect("watched to its end"), Exit::Inconclusive);
}

#[tokio::test]
async fn looks_that_go_on_failing_end_the_looking_on_with_why() {
    let error = watched(FAILURES + 2, FAILURES)
        .await
        .expect_err("it gives up");
    assert!(error.to_string().contains("connection reset"), "{error}");
}

//! What the demo takes for success, and what its report holds.

use jiff::Timestamp;
use serde_json::Value;
use sluice_cli::timeline::StepTimeline;
use sluice_domain::judge::{self, Counts};

use super::*;

fn counts(invocations: f64, errors: f64) -> Counts {
    Counts {
        invocations,
        errors,
    }
}

fn promotion(version: &str, environment: &str, outcome: Outcome) -> Timeline {
    let step = StepTimeline {
        weight: 10.0,
        seconds: 20.0,
        verdict: Some(judge::Outcome::Pass),
        rule: Some("harm is excluded".to_owned()),
        looks: 4,
        canary: counts(120.0, 1.0),
        baseline: Some(counts(1080.0, 4.0)),
        functions: BTreeMap::new(),
    };
    Timeline {
        promotion: format!("storefront/{environment}/{version}/1")
            .parse()
            .unwrap(),
        application: "storefront".to_owned(),
        version: version.to_owned(),
        environment: environment.to_owned(),
        attempt: 1,
        outcome: Some(outcome),
        reason: None,
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:promote:one".to_owned(),
        opened_at: Timestamp::UNIX_EPOCH,
        closed_at: None,
        seconds: 60.0,
        state_transitions: Some(40),
        steps: vec![step],
        served: BTreeMap::new(),
        invocations: 120.0,
        failed_invocations: 1.0,
        cost: None,
    }
}

fn release(version: &str, production: Outcome, published: &str) -> Released {
    let promotions = [
        ("dev", Outcome::Promoted),
        ("staging", Outcome::Promoted),
        ("prod", production),
    ];
    let promotions = promotions.map(|(place, outcome)| promotion(version, place, outcome));
    let tally = Tally {
        invocations: 900,
        errors: 3,
    };
    Released {
        timeline: ReleaseTimeline {
            application: "storefront".to_owned(),
            version: version.to_owned(),
            attempt: 1,
            outcome: Some(production),
            execution_arn: "arn:aws:states:us-east-1:000000000000:execution:release:one".to_owned(),
            state_transitions: Some(120),
            cost: None,
            promotions: promotions.into(),
        },
        served: Served(BTreeMap::from([("checkout:2".to_owned(), tally)])),
        published: aliases(published),
    }
}

fn aliases(version: &str) -> Aliases {
    ["catalog", "checkout"]
        .map(|name| (name.to_owned(), version.to_owned()))
        .into()
}

/// 1.1.0 published version 2 and stays, 1.2.0 published 3 and was taken back.
fn releases() -> Vec<Released> {
    vec![
        release("1.1.0", Outcome::Promoted, "2"),
        release("1.2.0", Outcome::RolledBack, "3"),
    ]
}

fn report(releases: Vec<Released>, aliases: Aliases) -> Report {
    having(releases, aliases, &COLUMNS)
}

fn having(releases: Vec<Released>, aliases: Aliases, columns: &[&str]) -> Report {
    let engine = "http://127.0.0.1:4566";
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    Report::new(engine, releases, &Totals::default(), aliases, columns)
}

#[test]
fn six_right_outcomes_and_aliases_on_what_1_1_0_published_are_as_promised() {
    let report = report(releases(), aliases("2"));
    assert_eq!(report.broken(), Vec::<String>::new());
    let last = report.summary().pop().unwrap();
    assert!(
        last.starts_with("as promised: 1.1.0 dev Promoted, "),
        "{last}"
    );
    assert!(last.ends_with(", 1.2.0 prod RolledBack"), "{last}");
}

#[test]
fn an_alias_on_any_other_version_is_named_with_the_one_it_should_be_on() {
    for other in ["1", "3", "2 with 10 % on 3"] {
        let mut found = aliases("2");
        found.insert("checkout".to_owned(), other.to_owned());
        let report = report(releases(), found);
        let problem = format!("alias of checkout: expected version 2, found {other}");
        let summary = report.summary().join("\n");
        assert_eq!(report.broken(), [problem.as_str()]);
        assert!(
            summary.ends_with(&format!("NOT as promised\n  {problem}")),
            "{summary}"
        );
    }
}

#[test]
fn aliases_that_1_1_0_never_published_are_not_as_promised() {
    let mut releases = releases();
    releases[0].published.clear();
    assert_eq!(report(releases, aliases("2")).broken().len(), 2);
}

#[test]
fn the_column_that_the_rolled_back_version_added_must_stay() {
    let stays = report(releases(), aliases("2")).summary().join("\n");
    let told = "schema of prod now\n  orders has the columns id, amount_cents, currency, \
                ordered_at, receipt: what 1.2.0 added stays\n";
    assert!(stays.contains(told), "{stays}");

    for (columns, found) in [
        (&COLUMNS[..4], "id, amount_cents, currency, ordered_at"),
        (&[], "none"),
    ] {
        let report = having(releases(), aliases("2"), columns);
        let problem = format!(
            "columns of orders in prod: expected id, amount_cents, currency, ordered_at, \
             receipt, found {found}"
        );
        let summary = report.summary().join("\n");
        assert_eq!(report.broken(), [problem.as_str()]);
        assert!(
            summary.contains("what 1.2.0 added is not there"),
            "{summary}"
        );
        assert!(summary.ends_with(&problem), "{summary}");
    }
}

#[test]
fn every_one_of_the_six_promotions_must_end_as_promised() {
    for (index, (version, environment, outcome)) in PROMISED.into_iter().enumerate() {
        let (mut other, mut absent) = (releases(), releases());
        let found = &mut other[index / 3].timeline.promotions[index % 3];
        found.outcome = Some(Outcome::Stranded);
        absent[index / 3].timeline.promotions.remove(index % 3);

        for (releases, found) in [(other, "Stranded"), (absent, "nothing")] {
            let expected = outcome.title();
            let problem = format!("{version} {environment}: expected {expected}, found {found}");
            assert_eq!(report(releases, aliases("2")).broken(), [problem]);
        }
    }
}

#[test]
fn a_production_promotion_counts_what_its_customers_saw() {
    let report = report(releases(), aliases("2"));
    let seen = |index: usize| {
        let promoted = &report.releases[index];
        (
            promoted.timeline.failed_invocations,
            promoted.customers.len(),
        )
    };
    assert_eq!(seen(0), (1.0, 0), "dev has no customers");
    assert_eq!(seen(2), (3.0, 1), "prod has");
}

#[test]
fn what_customers_saw_of_a_release_is_the_difference_of_two_readings() {
    let totals = |invocations, errors| Totals {
        versions: BTreeMap::from([
            (
                ("checkout".to_owned(), "2".to_owned()),
                Count {
                    invocations,
                    errors,
                },
            ),
            (
                ("checkout".to_owned(), "1".to_owned()),
                Count {
                    invocations: 7,
                    errors: 0,
                },
            ),
        ]),
        ..Totals::default()
    };
    let tally = Tally {
        invocations: 5,
        errors: 2,
    };
    assert_eq!(
        Served::between(&totals(10, 1), &totals(15, 3)),
        Served(BTreeMap::from([("checkout:2".to_owned(), tally)]))
    );
}

/// Whether `value` has all of these fields.
fn expect_fields(value: &Value, fields: &[&str]) {
    for field in fields {
        assert!(value.get(field).is_some(), "no {field} in {value:#}");
    }
}

#[test]
fn the_report_names_engine_releases_steps_and_counts() {
    let file =
        std::env::temp_dir().join(format!("sluice-report-{}/report.json", std::process::id()));
    report(releases(), aliases("2")).write(&file).unwrap();
    let report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();

    assert_eq!(report["engine"], "http://127.0.0.1:4566");
    let releases = report["releases"].as_array().unwrap();
    assert_eq!(releases.len(), 6);
    for release in releases {
        expect_fields(
            release,
            &[
                "application",
                "version",
                "environment",
                "outcome",
                "execution_arn",
                "seconds",
                "state_transitions",
                "steps",
                "failed_invocations",
            ],
        );
        let step = &release["steps"][0];
        expect_fields(
            step,
            &["weight", "seconds", "verdict", "canary", "baseline"],
        );
        for counts in [&step["canary"], &step["baseline"]] {
            expect_fields(counts, &["invocations", "errors"]);
        }
    }
    let last = &releases[5];
    assert_eq!(last["outcome"], "RolledBack");
    assert_eq!(last["steps"][0]["verdict"], "pass");
    assert_eq!(last["steps"][0]["canary"]["invocations"], 120.0);
}

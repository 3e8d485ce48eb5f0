//! A sample of all that state machines send, and of all that functions answer: samples of
//! the functions' own types, so that they are what these are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice_domain::approval::State as Decision;
use sluice_domain::digest::Digest;
use sluice_domain::judge::Outcome as Verdict;
use sluice_domain::migrations::{
    Applied, Checked, CopiedFrom, CopyPlace, Counts, MigrationPlan, Phase, RehearsedUnits, Request,
    RestorePlan, Restored,
};
use sluice_domain::promotion::{Generation, Outcome};
use sluice_domain::suites::{Follows, Next};
use sluice_tests::text;

/// A value of the kind that a machine sends under this key.
pub(crate) fn sample(key: &str) -> Value {
    let digest = Digest::of(b"a manifest");
    match key {
        "promotion" => json!("storefront/prod/1.1.0/1"),
        "bundle" => {
            let key = "storefront/1.1.0/release.json";
            json!({"bucket": "artifacts", "key": key, "version_id": "v1", "digest": digest})
        }
        "generation" => json!(7),
        "epoch" => json!(1_767_225_600_000_i64),
        "step" => json!(0),
        "outcome" => json!(Outcome::RolledBack),
        "error" => json!("Unhealthy"),
        "cause" => Value::Null,
        "unfenced" => json!("DatabaseUnreachable"),
        "execution_arn" => json!("arn:aws:states:eu-west-1:111122223333:execution:promote:a"),
        "task_token" => json!("AAAA"),
        "stage" => json!("new"),
        "suite" => json!("orders"),
        "run" => {
            json!({"application": "shop", "environment": "prod", "minute": "2026-11-02T02:00:00Z", "requested_by": "schedule"})
        }
        "failed" => json!([]),
        "answer" => json!({"report": "1..0"}),
        "migrations" => json!(migrations()),
        "restore" => json!(restore()),
        "request" => value(request()),
        "plan" => value(migrations()),
        "of" => value(copied_from()),
        "until" => value(Timestamp::UNIX_EPOCH),
        "copy" => value(copy()),
        "units" => value(RehearsedUnits::default().and("1_x.sql".to_owned(), 7)),
        "approved" => json!(digest),
        "token" => json!(7),
        "backup" => json!("sluice-storefront-prod-1-1-0-1-0f8a3c21"),
        "checked" => value(checked()),
        "restored" => value(restored()),
        "made_at" => json!("2026-11-22T10:00:00Z"),
        "kept" => Value::Null,
        "before" => value(copy()),
        "desk_url" => json!("https://desk.example/"),
        other => panic!("name a sample of `{other}` here: a state machine sends one"),
    }
}

/// Whether a function takes this payload.
pub(crate) fn accepts(function: &str, payload: Value) -> Result<(), String> {
    match function {
        "approval" => read::<approval::Input>(payload),
        "database" => read::<database::Input>(payload),
        "guard" => read::<guard::Input>(payload),
        "judge" => read::<judge::Input>(payload),
        "migrate" => read::<migrate::Input>(payload),
        "publish" => read::<publish::Input>(payload),
        "shift" => read::<shift::Input>(payload),
        "smoke" => read::<smoke::Input>(payload),
        "suite" => read::<suite::Request>(payload),
        "verify" => read::<verify::Input>(payload),
        "warm" => read::<warm::Input>(payload),
        other => Err(format!("add `{other}` here: a state machine calls it")),
    }
}

fn read<T: DeserializeOwned>(payload: Value) -> Result<(), String> {
    serde_json::from_value::<T>(payload)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// What a function answers to this payload, all that it may leave out included.
pub(crate) fn answer(function: &str, payload: &Value) -> Value {
    let word = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
    match (function, word("op").as_str(), word("goal").as_str()) {
        ("approval", "request", _) => value(approval::Output::Requested {
            state: Decision::Pending,
        }),
        ("approval", "conclude", _) => value(approval::Output::Concluded {
            decision: Decision::Approved,
        }),
        ("guard", "plan", _) => value(guard::Output::Planned {
            plan_hash: Digest::of(b"a plan"),
            changes: 2,
            approval_required: true,
            approval_seconds: 3600,
            timed: true,
            migrates: true,
            approves: Some(Digest::of(b"migrations")),
        }),
        ("guard", "schedule", _) => value(guard::Output::Scheduled {
            starts: false,
            wait_seconds: 60,
        }),
        ("guard", "acquire", _) => value(guard::Output::Queued { acquired: false }),
        ("guard", "admit" | "check", _) => value(guard::Output::Clear { clear: true }),
        ("guard", "recheck", _) => value(guard::Output::Rechecked {
            epoch: 1_767_225_600_000,
        }),
        ("guard", "fence", _) => value(guard::Output::FencedOff {
            generation: Generation(4),
        }),
        ("guard", "close", _) => value(guard::Output::Closed {
            outcome: Outcome::Promoted,
        }),
        ("guard", "close_unbegun", _) => value(guard::Output::Unbegun {
            outcome: Some(Outcome::Refused),
        }),
        ("judge", ..) => value(judge::Output {
            outcome: Verdict::Pass,
            rule: String::new(),
            next: judge::Follows::Advance,
            step: 1,
            wait_seconds: 0,
            sequence: 9,
        }),
        ("database", "prepare", _) => value(database::Output::Prepared {
            ready: false,
            wait_seconds: 15,
            backup: None,
        }),
        ("database", "begin_rehearsal", _) => value(database::Output::Copying {
            of: copied_from(),
            until: Timestamp::UNIX_EPOCH,
        }),
        ("database", "look_at_copy", _) => value(database::Output::Copied {
            ready: true,
            wait_seconds: 30,
            copy: Some(copy()),
            of: copied_from(),
        }),
        ("database", "end_rehearsal", _) => value(database::Output::Tried {
            plan: Box::new(migrations()),
        }),
        ("database", "finish" | "restored", _) => {
            value(database::Output::Finished { finished: true })
        }
        ("database", "check_backup", _) => value(database::Output::Fit { fit: true }),
        ("database", "plan_restore", _) => value(database::Output::RestorePlanned {
            restore: Box::new(restore()),
        }),
        ("migrate", _, "lost") => value(migrate::Output::RestorePlanned {
            restore: Box::new(restore()),
        }),
        ("database", "restore", _) => value(database::Output::Restoring {
            ready: false,
            wait_seconds: 15,
            made_at: None,
            kept: None,
            before: None,
        }),
        ("migrate", _, "restored") => value(migrate::Output::Restored {
            restored: restored(),
        }),
        ("warm", "stop", _) => value(warm::Output::Stopped {
            stopped: 2,
            wait_seconds: 30,
        }),
        ("warm", "resume", _) => value(warm::Output::Resumed {
            resumed: 2,
            stopped: 0,
            said: String::new(),
        }),
        ("migrate", _, "plan") => value(migrate::Output::Planned {
            plan: Box::new(migrations()),
            rehearses: true,
        }),
        ("migrate", _, "rehearse") => value(migrate::Rehearsed {
            token: 7,
            more: true,
            units: RehearsedUnits::default(),
        }),
        ("migrate", _, "confirm") => value(migrate::Output::Confirmed { confirmed: true }),
        ("migrate", _, "apply") => value(Applied {
            token: 7,
            more: true,
            what: None,
        }),
        ("migrate", _, "check") => value(migrate::Output::Checked { checked: checked() }),
        ("migrate", _, "fence") => value(migrate::Output::Fenced { fenced: true }),
        ("publish", ..) => value(publish::Output {
            published: 2,
            unchanged: 0,
        }),
        ("shift", _, "step") => value(shift::Output {
            next: Some(shift::Next::Bake),
            wait_seconds: Some(60),
            next_step: Some(1),
            ..shift::Output::default()
        }),
        ("shift", _, "stable") => value(shift::Output {
            settled: Some(Outcome::RolledBack),
            touched: Some(true),
            ..shift::Output::default()
        }),
        ("shift", _, "commit" | "verify") => value(shift::Output::default()),
        ("smoke", ..) => value(smoke::Output {
            passed: 3,
            follows: Some(no_suite()),
            ..smoke::Output::default()
        }),
        ("suite", "report", _) => value(no_suite()),
        ("suite", "begin" | "follow_up" | "give_up", _) => value(suite::scheduled::Tested {
            next: Next::Done,
            suite: None,
            promotion: None,
            failed: Vec::new(),
        }),
        ("verify", ..) => value(verify::Output {
            artifacts: 2,
            images: 0,
            migrations: Some(request()),
            operation: None,
        }),
        ("warm", "ready", _) => value(warm::Output::Ready {
            provisioned: 1,
            woken: 0,
            calls: 4,
            failed: 0,
        }),
        ("warm", "retire", _) => value(warm::Output::Retired {
            unprovisioned: 1,
            deleted: 2,
            problems: 0,
        }),
        other => panic!("add {other:?} here: a state machine asks for it"),
    }
}

/// What `verify` answers, and `migrate` and `database` are asked.
fn request() -> Request {
    let event: Value = serde_json::from_str(&text("events/migrate/plan.json")).expect("json");
    serde_json::from_value(event["request"].clone()).expect("a request")
}

fn migrations() -> MigrationPlan {
    MigrationPlan {
        digest: Digest::of(b"migrations"),
        phase: Phase::Expand,
        tool: "sqlx".to_owned(),
        place: "db:5432/shop".to_owned(),
        server: "17.10".to_owned(),
        applied: 1,
        pending: 1,
        files: Vec::new(),
        stays: None,
        waiting: 0,
        classes: Counts::default(),
        statements: Vec::new(),
        more: 0,
        checks: Vec::new(),
        seconds: None,
        rehearsed: None,
    }
}

fn copied_from() -> CopiedFrom {
    CopiedFrom {
        id: "rds:storefront-2026-11-22-03-07".to_owned(),
        made_at: Some(Timestamp::UNIX_EPOCH),
    }
}

fn copy() -> CopyPlace {
    CopyPlace {
        host: "copy.example".to_owned(),
        port: Some(5432),
        name: None,
    }
}

fn restore() -> RestorePlan {
    RestorePlan {
        backup: "sluice-shop-prod-1-4-0-1-0f8a3c21".to_owned(),
        server: "cluster shop".to_owned(),
        place: None,
        made_at: None,
        lost: None,
        endpoints: None,
        notes: Vec::new(),
        stops: BTreeMap::new(),
    }
}

fn checked() -> Checked {
    Checked {
        applied: 2,
        changes: Vec::new(),
        more_changes: 0,
        queries: 0,
    }
}

fn restored() -> Restored {
    Restored {
        place: "db:5432/shop".to_owned(),
        server: "17.10".to_owned(),
        applied: 2,
    }
}

fn no_suite() -> Follows {
    Follows {
        next: Next::Shift,
        suite: None,
    }
}

pub(crate) fn value(output: impl Serialize) -> Value {
    serde_json::to_value(output).expect("an output is JSON")
}

//! The words: one message per event that people hear of.

use std::fmt::Write as _;

use serde_json::Value;
use sluice_domain::controls::Wish;
use sluice_domain::ledger::{Entry, Kind};
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_domain::test_run::TestOutcome;
use sluice_platform::people::Message;

/// SNS takes 256 KiB; nobody reads that much. Of each fact, this many characters.
const LONGEST_FACT: usize = 2_000;

/// The message about an entry, if people hear of its kind.
#[must_use]
pub fn about(entry: &Entry) -> Option<Message> {
    let (what, meaning) = words(entry)?;
    let chain = Chain::of(&entry.event.chain);
    let subject = format!("{}: {what}", chain.title);
    let mut body = format!("{}\n{what}. {meaning}\n\n", chain.title);
    // Writing to a String can't fail.
    let _ = writeln!(body, "at: {} UTC", entry.at.strftime("%Y-%m-%d %H:%M:%S"));
    let _ = writeln!(body, "by: {}", line(&entry.event.actor));
    for (name, value) in entry.event.facts.as_object().into_iter().flatten() {
        let _ = writeln!(body, "{}: {}", line(name), fact(value));
    }
    let _ = writeln!(
        body,
        "ledger: {} entry {}",
        line(&entry.event.chain),
        entry.sequence
    );
    let mut attributes = vec![("kind", entry.event.kind.name())];
    attributes.extend(
        chain
            .application
            .map(|application| ("application", application)),
    );
    attributes.extend(
        chain
            .environment
            .map(|environment| ("environment", environment)),
    );
    Some(Message::new(&subject, body, attributes))
}

/// What happened, and what it means for whoever reads it.
fn words(entry: &Entry) -> Option<(String, &'static str)> {
    let plain = |what: &str, meaning| Some((what.to_owned(), meaning));
    match entry.event.kind {
        Kind::ReleaseStarted => plain(
            "release started",
            "It goes through its environments in order.",
        ),
        Kind::ReleaseRefused => plain(
            "release refused",
            "Nothing was started. The reason is below.",
        ),
        Kind::ReleaseSetAside => plain(
            "release set aside",
            "Nothing was started, and that is no mistake. The reason is below.",
        ),
        Kind::TrafficRolledBack => plain(
            "traffic rolled back",
            "The versions that served before serve again.",
        ),
        Kind::TakenOver => plain(
            "taken over by the watchdog",
            "Its execution, or its release, has ended and nobody answers for it: it is being put right.",
        ),
        Kind::TrafficStopped => plain(
            "traffic STOPPED",
            "Its database is put back to a backup: until that is through, no call reaches its functions.",
        ),
        Kind::TrafficResumed => plain(
            "traffic resumed",
            "Calls reach its functions again. `restored` says whether the database is as its backup has it, or as it was.",
        ),
        Kind::Stranded if entry.event.facts.get("traffic").is_some() => plain(
            "STRANDED without traffic",
            "A restore was not finished: a person must look. Its functions may get no calls; the reason says what to do.",
        ),
        Kind::Stranded => plain(
            "STRANDED",
            "Rolling back failed, or letting traffic in after a restore: a person must look. The locks stay and the watchdog keeps trying.",
        ),
        Kind::LimitExceeded => plain(
            "warning",
            "A limit that is only told of was exceeded. The rollout goes on.",
        ),
        Kind::OperatorAsked => asked(&entry.event.facts["wish"]),
        Kind::StartScheduled => plain(
            "waits for its time",
            "It starts by itself when that has come; everything is checked again then. \
             `sluice override-windows` has it start although a window is closed.",
        ),
        Kind::PersonAwaited => plain(
            "waits for a person",
            "A step's time is over, and the settings ask for a person's go: `sluice resume`. \
             Harm is still rolled back; without a go it goes back after a day.",
        ),
        Kind::SuitesEnded => tested(&entry.event.facts),
        Kind::PreviewRemoved => plain(
            "preview removed",
            "Its aliases and its settings are deleted. What is named under `left` stays: \
             Sluice can't tell that it was the preview's.",
        ),
        Kind::PromotionClosed => Some(closed(&entry.event.facts["outcome"])),
        Kind::BundleVerified
        | Kind::EvidenceAssessed
        | Kind::ChangesPlanned
        | Kind::ApprovalRequested
        | Kind::VoteCast
        | Kind::VoteWithdrawn
        | Kind::ApprovalReminded
        | Kind::ApprovalDecided
        | Kind::TargetsQueued
        | Kind::TargetsAcquired
        | Kind::BackupMade
        | Kind::MigrationsBegun
        | Kind::MigrationsApplied
        | Kind::DatabaseRestored
        | Kind::VersionsPublished
        | Kind::VersionsWarmed
        | Kind::VersionsRetired
        | Kind::SmokeTested
        | Kind::SuiteRan
        | Kind::TrafficJournaled
        | Kind::DeploymentsCreated
        | Kind::TrafficShifted
        | Kind::VerdictReached
        | Kind::Committed => None,
    }
}

/// People hear of runs on a schedule that failed, and of no others.
fn tested(facts: &Value) -> Option<(String, &'static str)> {
    let outcome: TestOutcome = serde_json::from_value(facts["outcome"].clone()).ok()?;
    (outcome == TestOutcome::Failed).then(|| {
        (
            "test suites FAILED".to_owned(),
            "They ran against what serves. Nothing was changed: look at what failed, and roll back if need be.",
        )
    })
}

fn asked(wish: &Value) -> Option<(String, &'static str)> {
    let wish: Wish = serde_json::from_value(wish.clone()).ok()?;
    Some((format!("asked: {}", wish.title()), wish.meaning()))
}

fn closed(outcome: &Value) -> (String, &'static str) {
    let Ok(outcome) = serde_json::from_value::<Outcome>(outcome.clone()) else {
        return (
            format!("ended, {}", fact(outcome)),
            "The promotion has ended.",
        );
    };
    let meaning = match outcome {
        Outcome::Promoted => "The new versions serve all traffic.",
        Outcome::RolledBack => {
            "The new versions were taken out; the ones before serve all traffic."
        }
        Outcome::Rejected => "An approver said no. No traffic moved.",
        Outcome::Expired => "Nobody decided in time. No traffic moved.",
        Outcome::Superseded => "A newer promotion took its place. No traffic moved.",
        Outcome::Refused => "A check said no before anything moved, or it could not be started.",
        Outcome::Aborted => "A person stopped it before traffic moved.",
        Outcome::Stranded => {
            "Rolling back failed, or letting traffic in after a restore: a person must look."
        }
        Outcome::Done => "What was to be done to the database is done. The code is as it was.",
        Outcome::Failed => {
            "It ended before the database was through. What was done stays; the code is as it was."
        }
    };
    (outcome.title().to_owned(), meaning)
}

/// What a chain's name tells about its subject.
pub struct Chain {
    title: String,
    /// Its application, if it has one.
    pub application: Option<String>,
    /// Its environment, if it has one.
    pub environment: Option<String>,
}

impl Chain {
    /// A promotion's name, `release/<application>/<version>` or `release/unknown`,
    /// `suites/<application>/<environment>`, `preview/<application>/<preview>`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        if let Ok(id) = name.parse::<PromotionId>() {
            let title = format!("[{}] {} {}", id.environment, id.application, id.version);
            return Self {
                title,
                application: Some(id.application),
                environment: Some(id.environment),
            };
        }
        let parts: Vec<&str> = name.split('/').collect();
        match parts.as_slice() {
            ["release", application, version] => Self {
                title: line(&format!("{application} {version}")),
                application: Some(line(application)),
                environment: None,
            },
            ["suites" | "preview", application, environment] => Self {
                title: line(&format!("[{environment}] {application}")),
                application: Some(line(application)),
                environment: Some(line(environment)),
            },
            _ => Self {
                title: "Sluice".to_owned(),
                application: None,
                environment: None,
            },
        }
    }
}

/// A fact on one line.
fn fact(value: &Value) -> String {
    match value {
        Value::String(text) => line(text),
        Value::Array(items) => line(&items.iter().map(fact).collect::<Vec<_>>().join(", ")),
        other => line(&other.to_string()),
    }
}

/// What others wrote stays on its line.
fn line(text: &str) -> String {
    let mut short: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_FACT)
        .collect();
    if text.chars().nth(LONGEST_FACT).is_some() {
        short.push('…');
    }
    short
}

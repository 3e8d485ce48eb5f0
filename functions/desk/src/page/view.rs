//! A request as the template places it.

use askama::Template;
use jiff::Timestamp;
use sluice_domain::approval::{AtStep, Choice, Request, State, Vote};
use sluice_domain::manifest::{Manifest, SmokeTest};
use sluice_domain::migrations::{MigrationPlan, RestorePlan};
use sluice_domain::plan::{Change, FunctionPlan, Plan};
use sluice_domain::settings::{Step, Then};
use sluice_domain::text::plain;

use super::{Notice, Shown};
use crate::Subject;
use crate::form::LONGEST_COMMENT;

/// The page of a request.
#[derive(Template)]
#[template(path = "request.html")]
pub(super) struct RequestPage<'a> {
    root: String,
    notice: Option<&'a Notice>,
    application: &'a str,
    version: String,
    environment: &'a str,
    attempt: u32,
    state: &'static str,
    state_class: &'static str,
    is_open: bool,
    deadline: String,
    deadline_iso: String,
    time_left: String,
    quorum: usize,
    approvals: usize,
    people: Vec<Person<'a>>,
    functions: Vec<Function<'a>>,
    migrations: Option<Migrations>,
    steps: Vec<String>,
    /// That it is a rollback, if it is one.
    said_first: Option<&'static str>,
    /// The step that is asked about. None: the promotion as a whole.
    at_step: Option<At>,
    bundle: &'a str,
    plan: &'a str,
    /// Why what is shown may not be what people were asked about.
    doubt: Option<&'static str>,
    origin: Option<Origin>,
    /// Where the form goes. None: no vote can be taken.
    form: Option<&'a str>,
    longest_comment: usize,
}

/// The step that a request is about.
struct At {
    /// Which, with its share of the traffic.
    place: String,
    /// What the judge said of it.
    verdict: String,
}

/// One approver, and what they said.
struct Person<'a> {
    name: &'a str,
    is_author: bool,
    has_voted: bool,
    status: String,
    comment: String,
}

/// One function of the release group.
struct Function<'a> {
    name: &'a str,
    target: String,
    now: String,
    then: String,
    configuration: Vec<String>,
}

/// What is applied to the database.
struct Migrations {
    sentence: String,
    files: Vec<String>,
    /// Those that ask for care.
    statements: Vec<String>,
    more: usize,
    /// What is asked afterwards.
    checks: Vec<String>,
}

/// What the manifest tells about the change.
struct Origin {
    authors: String,
    commit: String,
    source: Option<String>,
    notes: String,
    evidence: Vec<String>,
    smoke_tests: Vec<String>,
}

impl<'a> RequestPage<'a> {
    pub(super) fn of(shown: &'a Shown, root: String) -> Self {
        let Shown {
            request,
            state,
            subject,
            votes,
            notice,
            now,
        } = shown;
        let is_late = *state == State::Pending && *now >= request.expires_at;
        let state = if is_late { State::Expired } else { *state };
        let doubt = doubt(request, subject);
        let (label, state_class) = badge(state);
        Self {
            root,
            notice: notice.as_ref(),
            application: &request.promotion.application,
            version: request.promotion.version.to_string(),
            environment: &request.promotion.environment,
            attempt: request.promotion.attempt,
            state: label,
            state_class,
            is_open: state == State::Pending,
            deadline: moment(request.expires_at),
            deadline_iso: request
                .expires_at
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            time_left: time_left(request.expires_at, *now),
            quorum: request.policy.quorum,
            approvals: votes
                .iter()
                .filter(|vote| vote.choice == Choice::Approve)
                .count(),
            people: people(request, votes),
            functions: subject
                .plan
                .functions
                .iter()
                .map(|(name, function)| row(name, function))
                .collect(),
            migrations: database(&subject.plan, request.opened_at),
            steps: steps(&subject.plan),
            said_first: subject.plan.notice(),
            at_step: request.step.as_ref().map(at),
            bundle: request.bundle.short(),
            plan: request.plan.short(),
            origin: subject.manifest.as_ref().map(origin),
            form: (state == State::Pending && doubt.is_none()).then_some(request.id.as_str()),
            doubt,
            longest_comment: LONGEST_COMMENT,
        }
    }
}

/// Nobody should approve what they can't see.
fn doubt(request: &Request, subject: &Subject) -> Option<&'static str> {
    if subject.manifest.is_none() {
        return Some(
            "release.json can't be read, or is not the one that people were asked about. No vote is taken here.",
        );
    }
    let is_same_plan = subject.plan.hash().is_ok_and(|hash| hash == request.plan);
    if !is_same_plan || subject.bundle != request.bundle {
        return Some(
            "What is stored now is not what people were asked about. No vote is taken here.",
        );
    }
    None
}

fn badge(state: State) -> (&'static str, &'static str) {
    match state {
        State::Pending => ("Waiting for approval", "pending"),
        State::Approved => ("✓ Approved", "approved"),
        State::Rejected => ("✗ Rejected", "rejected"),
        State::Expired => ("Expired: nobody decided in time", "expired"),
        State::Superseded => (
            "Not needed any more: the promotion has ended or goes back",
            "expired",
        ),
    }
}

fn at(step: &AtStep) -> At {
    At {
        place: step.to_string(),
        verdict: plain(&step.verdict),
    }
}

fn moment(at: Timestamp) -> String {
    format!("{} UTC", at.strftime("%Y-%m-%d %H:%M:%S"))
}

fn time_left(deadline: Timestamp, now: Timestamp) -> String {
    let minutes = (deadline.as_second() - now.as_second()).max(0) / 60;
    match (minutes / 60, minutes % 60) {
        _ if now >= deadline => "over".to_owned(),
        (0, 0) => "less than a minute left".to_owned(),
        (0, minutes) => format!("{minutes} min left"),
        (hours, minutes) => format!("{hours} h {minutes} min left"),
    }
}

fn people<'a>(request: &'a Request, votes: &[Vote]) -> Vec<Person<'a>> {
    let person = |name: &'a str| {
        let vote = votes.iter().find(|vote| vote.person == name);
        let is_author = request.voter(name, Choice::Approve).is_err();
        let status = match vote {
            Some(vote) if vote.choice == Choice::Approve => {
                format!("✓ approved, {}", moment(vote.at))
            }
            Some(vote) => format!("✗ rejected, {}", moment(vote.at)),
            None if is_author => "wrote this change: may reject it, not approve it".to_owned(),
            None => "has not voted".to_owned(),
        };
        let comment = vote.map(|vote| plain(&vote.comment)).unwrap_or_default();
        Person {
            name,
            is_author,
            has_voted: vote.is_some(),
            status,
            comment,
        }
    };
    request
        .policy
        .approvers
        .iter()
        .map(|approver| person(&approver.name))
        .collect()
}

/// What is done to the database.
fn database(plan: &Plan, asked_at: Timestamp) -> Option<Migrations> {
    let restored = |plan: &RestorePlan| Migrations {
        sentence: plain(&plan.sentence(asked_at)),
        files: Vec::new(),
        statements: Vec::new(),
        more: 0,
        checks: Vec::new(),
    };
    let applied = plan.migrations.as_ref().map(migrations);
    applied.or(plan.restore.as_ref().map(restored))
}

fn migrations(plan: &MigrationPlan) -> Migrations {
    Migrations {
        sentence: plain(&plan.sentence()),
        files: plan.files.iter().map(|file| plain(file)).collect(),
        statements: plan
            .statements
            .iter()
            .map(|one| plain(&one.sentence()))
            .collect(),
        more: plan.more,
        checks: plan.checks.iter().map(|one| plain(one)).collect(),
    }
}

fn row<'a>(name: &'a str, function: &FunctionPlan) -> Function<'a> {
    let now = match &function.current {
        Some(current) => format!("version {} ({})", current.version, current.code.short()),
        None => "nothing: the alias does not exist yet".to_owned(),
    };
    let then = match function.change {
        Change::Update => format!("new version ({})", function.code.short()),
        Change::First => format!("first version ({})", function.code.short()),
        Change::Unchanged => "unchanged".to_owned(),
    };
    Function {
        name,
        target: plain(&format!("{}:{}", function.name, function.alias)),
        now,
        then,
        configuration: configuration(function),
    }
}

/// What of the configuration changes, and what the new version reads.
fn configuration(function: &FunctionPlan) -> Vec<String> {
    let brought = function.configuration.as_ref();
    let requires = brought.and_then(|configuration| configuration.requires.as_ref());
    let needs = requires.into_iter().flat_map(|requires| {
        [
            ("needs secrets", &requires.secrets),
            ("needs parameters", &requires.parameters),
        ]
    });
    let needs = needs
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}: {}", names.join(", ")));
    let changes = function.configuration_changes.iter().cloned();
    changes.chain(needs).map(|line| plain(&line)).collect()
}

fn steps(plan: &Plan) -> Vec<String> {
    let groups = plan.codedeploy.iter();
    let groups = groups.flat_map(|codedeploy| &codedeploy.functions);
    let handed = groups
        .filter(|(function, _)| plan.changes().any(|(name, _)| name == *function))
        .map(|(function, group)| plain(&format!("CodeDeploy shifts {function} through {group}")));
    let suites = plan.suites.iter().map(|suite| plain(&suite.to_string()));
    let steps = plan.steps.iter().map(step);
    suites.chain(handed).chain(steps).collect()
}

fn step(step: &Step) -> String {
    let mut said = match step.bake_seconds {
        0 => format!("{} % of the traffic, not watched", step.weight),
        seconds => format!(
            "{} % of the traffic, watched for {}",
            step.weight,
            duration(seconds)
        ),
    };
    if let Some(least) = step.min_invocations {
        said.push_str(&format!(" and at least {least} invocations"));
    }
    match step.then {
        Some(Then::Pause) => said.push_str("; then a person has to say go"),
        Some(Then::Approval) => said.push_str("; then its approvers are asked once more"),
        None => {}
    }
    said
}

fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, 0) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

fn origin(manifest: &Manifest) -> Origin {
    let people: Vec<String> = std::iter::once(&manifest.author)
        .chain(&manifest.co_authors)
        .map(|person| plain(&person.name))
        .collect();
    let smoke_test = |test: &SmokeTest| {
        let target = test
            .function
            .as_deref()
            .or(test.url.as_deref())
            .unwrap_or_default();
        plain(&format!("{} ({target})", test.name))
    };
    Origin {
        authors: people.join(", "),
        commit: manifest.commit.clone(),
        // Manifests take https:// links alone; a link is never made of anything else.
        source: manifest
            .source
            .as_deref()
            .filter(|link| link.starts_with("https://"))
            .map(plain),
        notes: plain(&manifest.notes),
        evidence: manifest
            .evidence
            .iter()
            .map(|item| plain(&format!("{}: {}", item.kind, item.key)))
            .collect(),
        smoke_tests: manifest.smoke_tests.iter().map(smoke_test).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let said = [0, 30, 600, 90, 3600, 5400].map(duration);
        assert_eq!(
            said,
            ["0 s", "30 s", "10 min", "1 min 30 s", "1 h", "1 h 30 min"]
        );
    }

    #[test]
    fn a_step_says_what_it_asks_for_beyond_its_time() {
        let asking = Step {
            min_invocations: Some(500),
            then: Some(Then::Pause),
            ..Step::new(10.0, 600)
        };
        assert_eq!(
            step(&asking),
            "10 % of the traffic, watched for 10 min and at least 500 invocations; then a person has to say go"
        );
    }

    #[test]
    fn time_left_is_counted_down_to_the_minute() {
        let at = |second| Timestamp::from_second(second).expect("time");
        let left =
            [0, 60 * 61, 86_340, 86_399, 86_400].map(|second| time_left(at(86_400), at(second)));
        assert_eq!(
            left,
            [
                "24 h 0 min left",
                "22 h 59 min left",
                "1 min left",
                "less than a minute left",
                "over"
            ]
        );
    }
}

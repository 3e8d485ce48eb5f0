//! A request as the template places it.

use askama::Template;
use jiff::Timestamp;
use sluice_domain::approval::{AskedWish, AtStep, Choice, Request, State, Vote};
use sluice_domain::digest::Digest;
use sluice_domain::manifest::{Manifest, SmokeTest};
use sluice_domain::migrations::{MigrationPlan, RestorePlan};
use sluice_domain::plan::{Change, FunctionPlan, Plan};
use sluice_domain::settings::{Approver, Step, Then};

use super::{Notice, Shown, rendered};
use crate::Subject;
use crate::ballot::LONGEST_COMMENT;

/// The page of a request.
#[derive(Template)]
#[template(path = "request.html")]
pub(super) struct RequestPage<'a> {
    root: String,
    notice: Option<&'a Notice>,
    application: &'a str,
    version: String,
    environment: &'a str,
    state: &'static str,
    state_class: &'static str,
    is_open: bool,
    deadline: String,
    deadline_iso: String,
    time_left: String,
    slots: Vec<String>,
    approvals: usize,
    people: Vec<Person<'a>>,
    checklist: Vec<(&'a str, &'a str)>,
    type_version: bool,
    /// What the vote is about, as it is on the page: escaped there.
    facts: String,
    /// Its digest: a vote says which one it is about.
    shown: Digest,
    /// That it is a rollback, if it is one.
    said_first: Option<&'static str>,
    /// The step that is asked about. None: the promotion as a whole.
    at_step: Option<At>,
    /// What an operator asks. None: nobody does.
    wish: Option<Wished>,
    /// Why what is shown may not be what people were asked about.
    doubt: Option<&'static str>,
    /// Where the form goes. None: no vote can be taken.
    form: Option<&'a str>,
    longest_comment: usize,
}

/// What a vote is about: the same for everybody, whenever they look.
#[derive(Template)]
#[template(path = "facts.html")]
struct Facts<'a> {
    functions: Vec<Function<'a>>,
    migrations: Option<Migrations>,
    steps: Vec<String>,
    origin: Option<Origin>,
    bundle: &'a str,
    plan: &'a str,
    attempt: u32,
}

/// What a vote on this request is about, as a page shows it.
fn facts(request: &Request, subject: &Subject) -> Result<String, askama::Error> {
    let facts = Facts {
        functions: subject
            .plan
            .functions
            .iter()
            .map(|(name, function)| row(name, function))
            .collect(),
        migrations: database(&subject.plan, request.opened_at),
        steps: steps(&subject.plan),
        origin: subject.manifest.as_ref().map(origin),
        bundle: request.bundle.short(),
        plan: request.plan.short(),
        attempt: request.promotion.attempt,
    };
    rendered(&facts)
}

/// The digest of what a vote on this request is about.
pub(crate) fn shown(request: &Request, subject: &Subject) -> Result<Digest, askama::Error> {
    Ok(Digest::of(facts(request, subject)?.as_bytes()))
}

/// The step that a request is about.
struct At {
    /// Which, with its share of the traffic.
    place: String,
    /// What the judge said of it.
    verdict: String,
}

/// What an operator asks of a promotion.
struct Wished {
    title: &'static str,
    meaning: &'static str,
    by: String,
    reason: String,
}

/// One approver, and what they said.
struct Person<'a> {
    name: &'a str,
    roles: String,
    may_only_reject: bool,
    has_voted: bool,
    /// Whether the page takes votes of theirs.
    has_codes: bool,
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
    pub(super) fn of(shown: &'a Shown, root: String) -> Result<Self, askama::Error> {
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
        let facts = facts(request, subject)?;
        Ok(Self {
            root,
            notice: notice.as_ref(),
            application: &request.promotion.application,
            version: request.promotion.version.to_string(),
            environment: &request.promotion.environment,
            state: label,
            state_class,
            is_open: state == State::Pending,
            deadline: moment(request.expires_at),
            deadline_iso: request
                .expires_at
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            time_left: time_left(request.expires_at, *now),
            approvals: (request.slots(votes).iter())
                .filter(|slot| slot.by.is_some())
                .count(),
            slots: slots(request, votes),
            people: people(request, votes, *now),
            checklist: (request.policy.checklist.iter())
                .map(|item| (item.name.as_str(), item.text.as_str()))
                .collect(),
            type_version: request.policy.type_version,
            shown: Digest::of(facts.as_bytes()),
            facts,
            said_first: subject.plan.notice(),
            at_step: request.step.as_ref().map(at),
            wish: request.wish.as_ref().map(wished),
            form: (state == State::Pending && doubt.is_none()).then_some(request.id.as_str()),
            doubt,
            longest_comment: LONGEST_COMMENT,
        })
    }
}

/// Why nobody may approve what is there: they can't see it, or it is something else.
pub(crate) fn doubt(request: &Request, subject: &Subject) -> Option<&'static str> {
    if subject.manifest.is_none() {
        return Some(
            "release.json can't be read, or is not the one that people were asked about. No approval is taken, here or elsewhere; to end it, reject it with `sluice reject`.",
        );
    }
    let is_same_plan = subject.plan.hash().is_ok_and(|hash| hash == request.plan);
    if !is_same_plan || subject.bundle != request.bundle {
        return Some(
            "What is stored now is not what people were asked about. No approval is taken, here or elsewhere; to end it, reject it with `sluice reject`.",
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
            "Not open any more: the promotion has ended or goes back, a newer one took its place, or settings have changed",
            "expired",
        ),
    }
}

fn at(step: &AtStep) -> At {
    At {
        place: step.to_string(),
        verdict: step.verdict.clone(),
    }
}

fn wished(asked: &AskedWish) -> Wished {
    Wished {
        title: asked.wish.title(),
        meaning: asked.wish.meaning(),
        by: asked.by.clone(),
        reason: asked.reason.clone(),
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

fn people<'a>(request: &'a Request, votes: &[Vote], now: Timestamp) -> Vec<Person<'a>> {
    let person = |approver: &'a Approver| {
        let name = approver.name.as_str();
        let vote = votes.iter().find(|vote| vote.person == name);
        let barred = request.voter(name, Choice::Approve, now).err();
        let status = match (vote, &barred) {
            (Some(vote), _) if vote.choice == Choice::Approve => {
                format!(
                    "✓ approved, {}, with {}",
                    moment(vote.at),
                    vote.method.words()
                )
            }
            (Some(vote), _) => format!(
                "✗ rejected, {}, with {}",
                moment(vote.at),
                vote.method.words()
            ),
            (None, Some(why)) => format!("may reject, not approve: {why}"),
            (None, None) => "has not voted".to_owned(),
        };
        let comment = vote.map(|vote| vote.comment.clone()).unwrap_or_default();
        Person {
            name,
            roles: approver.roles.join(", "),
            may_only_reject: barred.is_some(),
            has_voted: vote.is_some(),
            has_codes: approver.totp_parameter.is_some(),
            status,
            comment,
        }
    };
    request.policy.approvers.iter().map(person).collect()
}

/// Each slot, and who fills it: `✓ devops: ada, 2026-11-21 10:01:00 UTC`.
fn slots(request: &Request, votes: &[Vote]) -> Vec<String> {
    let slots = request.slots(votes);
    let said = slots.iter().map(|slot| {
        let role = slot.role.unwrap_or("any role");
        match slot.by {
            Some(vote) => format!("✓ {role}: {}, {}", vote.person, moment(vote.at)),
            None => format!("○ {role}: waiting"),
        }
    });
    said.collect()
}

/// What is done to the database.
fn database(plan: &Plan, asked_at: Timestamp) -> Option<Migrations> {
    let restored = |plan: &RestorePlan| Migrations {
        sentence: plan.sentence(asked_at),
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
        sentence: plan.sentence(),
        files: plan.files.clone(),
        statements: plan.statements.iter().map(|one| one.sentence()).collect(),
        more: plan.more,
        checks: plan.checks.clone(),
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
        target: format!("{}:{}", function.name, function.alias),
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
    changes.chain(needs).collect()
}

fn steps(plan: &Plan) -> Vec<String> {
    let groups = plan.codedeploy.iter();
    let groups = groups.flat_map(|codedeploy| &codedeploy.functions);
    let handed = groups
        .filter(|(function, _)| plan.changes().any(|(name, _)| name == *function))
        .map(|(function, group)| format!("CodeDeploy shifts {function} through {group}"));
    let suites = plan.suites.iter().map(|suite| suite.to_string());
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
        .map(|person| person.name.clone())
        .collect();
    let smoke_test = |test: &SmokeTest| {
        let target = test
            .function
            .as_deref()
            .or(test.url.as_deref())
            .unwrap_or_default();
        format!("{} ({target})", test.name)
    };
    Origin {
        authors: people.join(", "),
        commit: manifest.commit.clone(),
        // Manifests take https:// links alone; a link is never made of anything else.
        source: manifest
            .source
            .as_deref()
            .filter(|link| link.starts_with("https://"))
            .map(str::to_owned),
        notes: manifest.notes.clone(),
        evidence: manifest
            .evidence
            .iter()
            .map(|item| format!("{}: {}", item.kind, item.key))
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

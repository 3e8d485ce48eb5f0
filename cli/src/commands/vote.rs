//! What `approve`, `reject` and `withdraw` share: a vote through the desk.

use jiff::Timestamp;
use serde_json::json;
use sluice_domain::approval::{Choice, Matter, State};
use sluice_domain::promotion::PromotionId;
use sluice_domain::text::one_line;

use super::watch::find;
use crate::code;
use crate::context::{Context, Global};
use crate::desk::{self, Ballot, Person};
use crate::error::{Error, Exit, Result};
use crate::paint::Output;
use crate::target::PromotionTarget;
use crate::view::Question;

#[derive(Debug, clap::Args)]
pub(crate) struct VoteArgs {
    /// <application>/<environment>, or a promotion's name
    #[arg(value_name = "PROMOTION")]
    target: PromotionTarget,
    /// What of it, where people are asked about several things: start, step-1 (step-2, …),
    /// emergency or override-windows
    #[arg(long, value_name = "WHAT")]
    about: Option<Matter>,
    /// Vote with a one-time code, under this name of the environment's settings. Else your AWS
    /// credentials say who you are
    #[arg(long, env = "SLUICE_PERSON", value_name = "NAME")]
    person: Option<String>,
    /// Read your one-time code from standard input. Else it is taken from
    /// SLUICE_APPROVAL_CODE, or asked for
    #[arg(long, requires = "person")]
    code_stdin: bool,
    /// Why
    #[arg(long, default_value = "", value_name = "TEXT")]
    comment: String,
    /// The name of an item of the environment's checklist that is so; once for each
    #[arg(long = "attest", value_name = "ITEM")]
    attested: Vec<String>,
    /// The version, typed, where the environment asks for that. Else it is asked for at the
    /// terminal
    #[arg(long, value_name = "VERSION")]
    type_version: Option<String>,
    /// Where the desk answers, instead of the stack's output
    #[arg(long, env = "SLUICE_DESK_URL", value_name = "URL")]
    desk_url: Option<String>,
}

impl VoteArgs {
    pub(super) async fn run(
        self,
        choice: Option<Choice>,
        global: &Global,
        output: &Output,
    ) -> Result<Exit> {
        if choice == Some(Choice::Reject) && self.comment.trim().is_empty() {
            let message = "say why you reject it: --comment TEXT";
            return Err(Error::Usage(message.to_owned()));
        }
        let context = Context::load(global).await?;
        let reader = context.reader()?;
        let id = find(&reader, &self.target).await?;
        let question = meant(reader.questions(&id).await?, &id, self.about)?;
        check(
            &question,
            self.person.as_deref(),
            choice.unwrap_or(Choice::Reject),
        )?;
        output.lines(&shown(&question))?;
        attests(&question, choice, &self.attested)?;
        let ballot = Ballot {
            choice,
            comment: self.comment,
            attested: self.attested,
            version: typed(&question, choice, self.type_version, code::version)?,
        };
        let request = &question.request.id;
        let answer = match self.person {
            Some(name) => {
                let desk = match self.desk_url.as_deref().filter(|url| !url.is_empty()) {
                    Some(url) => url,
                    None => context.resources.desk_url()?,
                };
                let code = code::read(&name, self.code_stdin)?;
                let person = Person { name, code };
                desk::vote(desk, request, (&person, &ballot))?
            }
            None => {
                let function = context.resources.desk_function()?;
                desk::vote_signed(&context.config, function, request, &ballot).await?
            }
        };
        let document = json!({"promotion": id, "recorded": answer.recorded, "state": answer.state, "message": answer.message});
        output.answer(&document, |_| {
            let state = answer
                .state
                .as_deref()
                .map(|state| format!(" ({state})"))
                .unwrap_or_default();
            vec![format!("{}{state}", answer.message)]
        })?;
        Ok(Exit::Ok)
    }
}

/// Which of the questions about a promotion a vote is about: the one that is named, or else
/// the one that is open. Of several that are, nobody guesses one.
fn meant(asked: Vec<Question>, id: &PromotionId, about: Option<Matter>) -> Result<Question> {
    let is_open = |question: &Question| question.state == State::Pending;
    if about.is_none() && asked.iter().filter(|question| is_open(question)).count() > 1 {
        let open = asked.iter().filter(|question| is_open(question));
        let open: Vec<String> = open
            .map(|question| question.request.matter().to_string())
            .collect();
        return Err(Error::Usage(format!(
            "people are asked about several things of {id}; say which with --about: {}",
            open.join(" or ")
        )));
    }
    let is_meant = |question: &Question| match about {
        Some(matter) => question.request.matter() == matter,
        None => is_open(question),
    };
    let absent = || {
        let what = about.map_or(String::new(), |matter| format!(" about {matter}"));
        Error::Absent(format!("{id} asks nobody{what}: no approval was requested"))
    };
    match asked.iter().position(is_meant) {
        Some(found) => asked.into_iter().nth(found),
        None if about.is_none() => asked.into_iter().next_back(),
        None => None,
    }
    .ok_or_else(absent)
}

/// Refuses an approval that leaves an item of the checklist out, before a code is typed.
fn attests(question: &Question, choice: Option<Choice>, attested: &[String]) -> Result<()> {
    if choice != Some(Choice::Approve) {
        return Ok(());
    }
    let items = question.request.policy.checklist.iter();
    let left: Vec<String> = items
        .filter(|item| !attested.contains(&item.name))
        .map(|item| format!("  --attest {}  ({})", item.name, one_line(&item.text)))
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "whoever approves says what is so; add each of these that is, or reject:\n{}",
        left.join("\n")
    )))
}

/// What the desk would refuse anyway, told before a code is typed.
fn check(question: &Question, person: Option<&str>, choice: Choice) -> Result<()> {
    if question.state != State::Pending {
        let message =
            format!("the request was decided already: {:?}", question.state).to_lowercase();
        return Err(Error::Refused {
            name: "decided".to_owned(),
            message,
        });
    }
    let ineligible = |error: sluice_domain::approval::Ineligible| Error::Refused {
        name: "ineligible".to_owned(),
        message: error.to_string(),
    };
    let Some(person) = person else {
        // Only STS knows whose the credentials are.
        return Ok(());
    };
    question
        .request
        .voter(person, choice, Timestamp::now())
        .map(drop)
        .map_err(ineligible)
}

/// The version that goes with the vote. Where the environment asks whoever approves to type
/// it, it is what they `gave`, or what they type when they are asked.
fn typed(
    question: &Question,
    choice: Option<Choice>,
    gave: Option<String>,
    ask: impl FnOnce() -> Result<String>,
) -> Result<String> {
    let request = &question.request;
    let version = request.promotion.version.to_string();
    let is_asked = request.policy.type_version && choice == Some(Choice::Approve);
    let typed = match gave {
        Some(gave) => gave,
        None if is_asked => ask()?,
        None => return Ok(version),
    };
    let typed = typed.trim();
    if typed == version {
        return Ok(version);
    }
    Err(Error::Refused {
        name: "another version".to_owned(),
        message: format!(
            "found `{}` as the version that was typed; expected `{version}`, which this vote is about: \
             look at what you vote on, and type its version. Nothing was sent",
            one_line(typed)
        ),
    })
}

/// What the vote is about.
fn shown(question: &Question) -> Vec<String> {
    let request = &question.request;
    let promotion = &request.promotion;
    let (application, version) = (&promotion.application, &promotion.version);
    let environment = &promotion.environment;
    let subject = match (&request.step, &request.wish) {
        (None, None) => format!("{application} {version} into {environment}"),
        (None, Some(asked)) => format!(
            "{} for {application} {version} in {environment}, asked by {}: {}",
            asked.wish.title(),
            one_line(&asked.by),
            one_line(&asked.reason)
        ),
        (Some(step), _) => format!(
            "{application} {version} in {environment}, on from {step}; the judge says: {}",
            one_line(&step.verdict)
        ),
    };
    vec![
        subject,
        format!(
            "bundle {}, plan {}, until {}",
            request.bundle.short(),
            request.plan.short(),
            request.expires_at.strftime("%Y-%m-%d %H:%M UTC")
        ),
    ]
}

#[cfg(test)]
mod tests {
    use sluice_domain::approval::{AtStep, Request};
    use sluice_domain::digest::Digest;

    use super::*;

    fn question(state: State) -> Question {
        let policy = json!({"approvers": [
            {"name": "ada", "email": "ada@example.com", "totp_parameter": "/codes/ada"}]});
        let request = Request {
            id: "r".into(),
            promotion: "shop/prod/1.1.0/1".parse().expect("an id"),
            bundle: Digest::of(b"bundle"),
            plan: Digest::of(b"plan"),
            step: None,
            wish: None,
            policy: serde_json::from_value(policy).expect("a policy"),
            authors: vec!["ada@example.com".into()],
            requester: None,
            starter: None,
            desk_url: None,
            opened_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
        };
        Question {
            request,
            state,
            votes: Vec::new(),
        }
    }

    #[test]
    fn strangers_authors_and_late_votes_are_refused_before_a_code_is_asked_for() {
        let refused = |question: &Question, person, choice| {
            check(question, Some(person), choice)
                .expect_err("refused")
                .exit()
        };
        assert_eq!(
            refused(&question(State::Pending), "mallory", Choice::Reject),
            Exit::Refused
        );
        assert_eq!(
            refused(&question(State::Pending), "ada", Choice::Approve),
            Exit::Refused
        );
        assert_eq!(
            refused(&question(State::Expired), "ada", Choice::Reject),
            Exit::Refused
        );
        check(&question(State::Pending), Some("ada"), Choice::Reject).expect("authors may reject");
        check(&question(State::Pending), None, Choice::Approve).expect("the desk knows who asks");
        check(&question(State::Expired), None, Choice::Approve).expect_err("too late");
    }

    #[test]
    fn whoever_approves_types_the_version_where_the_environment_asks_for_that() {
        let mut question = question(State::Pending);
        let unasked = || -> Result<String> { panic!("nobody is to be asked") };
        let gave = |version: &str| Some(version.to_owned());
        let [approve, reject] = [Choice::Approve, Choice::Reject].map(Some);
        let sent = typed(&question, approve, None, unasked).expect("not asked for");
        assert_eq!(sent, "1.1.0");

        question.request.policy.type_version = true;
        let sent = typed(&question, approve, gave("1.1.0"), unasked).expect("given");
        assert_eq!(sent, "1.1.0");
        let sent = typed(&question, approve, None, || Ok(" 1.1.0".to_owned())).expect("typed");
        assert_eq!(sent, "1.1.0");
        let none = || Err(Error::Usage("--type-version".to_owned()));
        let error = typed(&question, approve, None, none).expect_err("nobody to ask");
        assert_eq!(error.exit(), Exit::Usage);
        for choice in [reject, None] {
            let sent = typed(&question, choice, None, unasked).expect("not asked for");
            assert_eq!(sent, "1.1.0");
        }
    }

    #[test]
    fn another_version_than_the_promotions_is_refused_before_anything_is_sent() {
        let mut question = question(State::Pending);
        for asks in [true, false] {
            question.request.policy.type_version = asks;
            let gave = Some("1.0.0".to_owned());
            let error = typed(&question, Some(Choice::Approve), gave, || {
                panic!("it was given")
            });
            let error = error.expect_err("refused");
            assert_eq!(error.exit(), Exit::Refused);
            let error = error.to_string();
            assert!(
                error.contains("found `1.0.0`") && error.contains("expected `1.1.0`"),
                "{error}"
            );
        }
    }

    #[test]
    fn of_several_open_requests_the_one_that_is_named_is_meant_and_none_is_guessed() {
        let id: PromotionId = "shop/prod/1.1.0/1".parse().expect("an id");
        let mut wish = question(State::Pending);
        wish.request.wish = Some(sluice_domain::approval::AskedWish {
            wish: sluice_domain::controls::Wish::Emergency,
            by: "ada".to_owned(),
            reason: "it burns".to_owned(),
        });
        let both = || vec![question(State::Pending), wish.clone()];
        let error = meant(both(), &id, None).map(|_| ()).expect_err("a guess");
        assert!(error.to_string().contains("start or emergency"), "{error}");
        for matter in [Matter::Promotion, wish.request.matter()] {
            let found = meant(both(), &id, Some(matter)).expect("named");
            assert_eq!(found.request.matter(), matter);
        }
        let decided = vec![question(State::Approved), wish.clone()];
        let open = meant(decided, &id, None).expect("the one that is open");
        assert_eq!(open.request.matter(), wish.request.matter());
        assert!(meant(both(), &id, Some(Matter::Step(0))).is_err());
        assert!(meant(Vec::new(), &id, None).is_err());
    }

    #[test]
    fn who_approves_is_told_what_to_attest_before_a_code_is_asked_for() {
        let mut asked = question(State::Pending);
        let items = json!([{"name": "on-call", "text": "Somebody is on call"}]);
        asked.request.policy.checklist = serde_json::from_value(items).expect("a checklist");
        let error = attests(&asked, Some(Choice::Approve), &[]).expect_err("left out");
        let said = error.to_string();
        assert!(
            said.contains("--attest on-call  (Somebody is on call)"),
            "{said}"
        );
        attests(&asked, Some(Choice::Approve), &["on-call".to_owned()]).expect("attested");
        attests(&asked, Some(Choice::Reject), &[]).expect("a reject attests nothing");
    }

    #[test]
    fn a_voter_sees_what_the_vote_is_about_and_not_the_requests_name() {
        let lines = shown(&question(State::Pending)).join("\n");
        assert!(
            lines.starts_with("shop 1.1.0 into prod\nbundle "),
            "{lines}"
        );
        assert!(lines.ends_with("until 1970-01-01 00:00 UTC"), "{lines}");
        let mut asked = question(State::Pending);
        asked.request.step = Some(AtStep {
            index: 0,
            of: 2,
            weight: 10.0,
            verdict: "pass".into(),
        });
        assert_eq!(
            shown(&asked)[0],
            "shop 1.1.0 in prod, on from step 1 of 2, 10 % of the traffic; the judge says: pass"
        );
    }
}

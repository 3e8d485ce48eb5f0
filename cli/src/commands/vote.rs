//! What `approve` and `reject` share: a vote through the desk.

use serde_json::json;
use sluice_domain::approval::{Choice, State};
use sluice_domain::text::one_line;

use super::watch::find;
use crate::code;
use crate::context::{Context, Global};
use crate::desk::{self, Ballot};
use crate::error::{Error, Exit, Result};
use crate::paint::Output;
use crate::target::PromotionTarget;
use crate::view::Question;

#[derive(Debug, clap::Args)]
pub(crate) struct VoteArgs {
    /// <application>/<environment>, or a promotion's name
    #[arg(value_name = "PROMOTION")]
    target: PromotionTarget,
    /// Your name, as the environment's settings have it
    #[arg(long, env = "SLUICE_PERSON", value_name = "NAME")]
    person: String,
    /// Read your approval code from standard input. Else it is taken from
    /// SLUICE_APPROVAL_CODE, or asked for
    #[arg(long)]
    code_stdin: bool,
    /// Why
    #[arg(long, default_value = "", value_name = "TEXT")]
    comment: String,
    /// Where the desk answers, instead of the stack's output
    #[arg(long, env = "SLUICE_DESK_URL", value_name = "URL")]
    desk_url: Option<String>,
}

impl VoteArgs {
    pub(super) async fn run(
        self,
        choice: Choice,
        global: &Global,
        output: &Output,
    ) -> Result<Exit> {
        let context = Context::load(global).await?;
        let reader = context.reader()?;
        let id = find(&reader, &self.target).await?;
        let asked = reader.question(&id).await?;
        let question = asked
            .ok_or_else(|| Error::Absent(format!("{id} asks nobody: no approval was requested")))?;
        check(&question, &self.person, choice)?;
        output.lines(&shown(&question))?;
        let desk = match self.desk_url.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => url,
            None => context.resources.desk_url()?,
        };
        let code = code::read(&self.person, self.code_stdin)?;
        let ballot = Ballot {
            person: self.person,
            code,
            choice,
            comment: self.comment,
        };
        let answer = desk::vote(desk, &question.request.id, &ballot)?;
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

/// What the desk would refuse anyway, told before a code is typed.
fn check(question: &Question, person: &str, choice: Choice) -> Result<()> {
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
    question
        .request
        .voter(person, choice)
        .map(drop)
        .map_err(ineligible)
}

/// What the vote is about.
fn shown(question: &Question) -> Vec<String> {
    let request = &question.request;
    let promotion = &request.promotion;
    let (application, version) = (&promotion.application, &promotion.version);
    let environment = &promotion.environment;
    let subject = match &request.step {
        None => format!("{application} {version} into {environment}"),
        Some(step) => format!(
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
    use jiff::Timestamp;
    use sluice_domain::approval::{AtStep, Request};
    use sluice_domain::digest::Digest;
    use sluice_domain::settings::{ApprovalPolicy, Approver};

    use super::*;

    fn question(state: State) -> Question {
        let ada = Approver {
            name: "ada".into(),
            email: "ada@example.com".into(),
            code_parameter: "/codes/ada".into(),
        };
        let request = Request {
            id: "r".into(),
            promotion: "shop/prod/1.1.0/1".parse().expect("an id"),
            bundle: Digest::of(b"bundle"),
            plan: Digest::of(b"plan"),
            step: None,
            policy: ApprovalPolicy {
                approvers: vec![ada],
                quorum: 1,
                expires_seconds: 60,
            },
            authors: vec!["ada@example.com".into()],
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
            check(question, person, choice).expect_err("refused").exit()
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
        check(&question(State::Pending), "ada", Choice::Reject).expect("authors may reject");
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

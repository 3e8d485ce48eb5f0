//! `sluice approvals`: what waits for people, and for whom.

use std::str::FromStr;

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::approval::{Request, State, Vote};
use sluice_domain::promotion::PromotionId;

use crate::context::{Context, Global};
use crate::error::{Exit, Result};
use crate::paint::{Output, Style, Table, Tone};
use crate::reader::Reader;
use crate::render;
use crate::view::{Question, seconds_between};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only of this application, or this environment of it: <application>[/<environment>]
    #[arg(value_name = "PLACE")]
    place: Option<Place>,
}

/// An application, or one of its environments.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    application: String,
    environment: Option<String>,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (application, environment) = match text.split_once('/') {
            Some((application, environment)) => (application, Some(environment)),
            None => (text, None),
        };
        let is_name = |name: &str| {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits)
        };
        if !is_name(application) || !environment.is_none_or(is_name) {
            return Err(format!(
                "found `{text}`; expected <application> or <application>/<environment>"
            ));
        }
        Ok(Self {
            application: application.to_owned(),
            environment: environment.map(str::to_owned),
        })
    }
}

impl Place {
    fn has(&self, id: &PromotionId) -> bool {
        let of_environment = self.environment.as_ref();
        self.application == id.application
            && of_environment.is_none_or(|environment| *environment == id.environment)
    }
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let context = Context::load(global).await?;
        let reader = context.reader()?;
        let mut waiting = waiting(&reader, self.place.as_ref()).await?;
        waiting.sort_by_key(|question| question.request.expires_at);
        let now = Timestamp::now();
        let document = json!({"approvals": waiting.iter().map(document).collect::<Vec<_>>()});
        output.answer(&document, |style| lines(&waiting, now, style))?;
        Ok(Exit::Ok)
    }
}

/// The requests that are open, of promotions that are.
async fn waiting(reader: &Reader, place: Option<&Place>) -> Result<Vec<Question>> {
    let mut waiting = Vec::new();
    for (promotion, _) in reader.store.open_promotions().await? {
        let is_meant = place.is_none_or(|place| place.has(&promotion.id));
        if is_meant && !promotion.has_ended() {
            let asked = reader.questions(&promotion.id).await?.into_iter();
            waiting.extend(asked.filter(|question| question.state == State::Pending));
        }
    }
    Ok(waiting)
}

/// The votes that were not taken back.
fn standing(question: &Question) -> Vec<Vote> {
    let votes = question.votes.iter();
    let votes = votes.filter(|vote| vote.stands());
    votes.cloned().collect()
}

fn document(question: &Question) -> Value {
    let Request {
        promotion,
        step,
        wish,
        bundle,
        plan,
        opened_at,
        expires_at,
        ..
    } = &question.request;
    let votes = standing(question);
    let slots = question.request.slots(&votes).into_iter();
    let slots =
        slots.map(|slot| json!({"role": slot.role, "by": slot.by.map(|vote| &vote.person)}));
    json!({
        "promotion": promotion, "step": step.as_ref().map(|step| step.index + 1),
        "wish": wish.as_ref().map(|asked| asked.wish),
        "bundle": bundle, "plan": plan, "slots": slots.collect::<Vec<_>>(),
        "opened_at": opened_at, "expires_at": expires_at,
    })
}

fn lines(waiting: &[Question], now: Timestamp, style: Style) -> Vec<String> {
    if waiting.is_empty() {
        return vec!["nobody is asked for anything".to_owned()];
    }
    let mut table = Table::new(&["promotion", "for", "approvals", "time left"]);
    for question in waiting {
        let request = &question.request;
        let at = request.about();
        let because = request.answer(State::Pending, &standing(question)).because;
        let left = seconds_between(now, request.expires_at);
        table.row(vec![
            (Tone::Strong, request.promotion.to_string()),
            (Tone::Plain, at),
            (Tone::Plain, because),
            (Tone::Faint, render::duration(left)),
        ]);
    }
    let mut lines = table.lines(style);
    let first = &waiting[0].request;
    lines.push(String::new());
    lines.push(format!(
        "vote with `{}`, or on the page",
        first.command("approve")
    ));
    lines
}

#[cfg(test)]
mod tests {
    use sluice_domain::approval::{AtStep, Choice, Method};
    use sluice_domain::digest::Digest;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn question() -> Question {
        let approver = |name: &str, role: &str| json!({"name": name, "email": format!("{name}@example.com"), "roles": [role], "totp_parameter": format!("/codes/{name}")});
        let policy = json!({
            "approvers": [approver("ada", "devops"), approver("bob", "pm")],
            "slots": [{"role": "devops", "count": 1}, {"role": "pm", "count": 1}],
        });
        let request = Request {
            id: "capability".into(),
            promotion: "shop/prod/1.1.0/1".parse().expect("an id"),
            bundle: Digest::of(b"bundle"),
            plan: Digest::of(b"plan"),
            step: None,
            wish: None,
            policy: serde_json::from_value(policy).expect("a policy"),
            authors: Vec::new(),
            requester: None,
            starter: None,
            desk_url: None,
            opened_at: at(0),
            expires_at: at(7_200),
        };
        let vote = |person: &str, withdrawn_at| Vote {
            person: person.to_owned(),
            choice: Choice::Approve,
            comment: String::new(),
            at: at(1),
            method: Method::Totp,
            attested: Vec::new(),
            shown: None,
            from: None,
            withdrawn_at,
        };
        Question {
            request,
            state: State::Pending,
            votes: vec![vote("ada", None), vote("bob", Some(at(2)))],
        }
    }

    #[test]
    fn what_waits_is_shown_with_whom_it_waits_for_and_no_capability() {
        let mut at_step = question();
        at_step.request.step = Some(AtStep {
            index: 1,
            of: 3,
            weight: 50.0,
            verdict: "pass".into(),
        });
        let waiting = [question(), at_step];
        let shown = lines(&waiting, at(3_600), Style::PLAIN).join("\n");
        assert!(
            shown.contains("the start    1 of 2 approvals so far; waiting for pm"),
            "{shown}"
        );
        assert!(shown.contains("step 2 of 3"), "{shown}");
        let document = document(&waiting[0]);
        let slots = json!([{"role": "devops", "by": "ada"}, {"role": "pm", "by": null}]);
        assert_eq!(document["slots"], slots);
        assert!(!document.to_string().contains("capability"));
    }

    #[test]
    fn a_place_is_an_application_or_one_of_its_environments() {
        let id = question().request.promotion;
        for (place, has) in [
            ("shop", true),
            ("shop/prod", true),
            ("shop/dev", false),
            ("other", false),
        ] {
            assert_eq!(place.parse::<Place>().expect("a place").has(&id), has);
        }
        for wrong in ["Shop!", "shop/", "/prod", "shop/prod/1.1.0", ""] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_that_waits_is_said() {
        let shown = lines(&[], at(0), Style::PLAIN);
        assert_eq!(shown, ["nobody is asked for anything"]);
    }
}

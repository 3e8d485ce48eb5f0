//! `sluice pause`, `resume`, `promote-now`, `skip-bake`, `emergency`,
//! `override-windows`: ask something of a promotion that runs. The function `control` notes it, and the judge goes
//! by it at its next look.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_domain::controls::{Asked, Controls, Wish};
use sluice_domain::journal::Journal;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Step;
use sluice_platform::store::Part;

use super::watch::find;
use crate::context::{Context, Global};
use crate::error::{Exit, Result};
use crate::function;
use crate::paint::Output;
use crate::target::PromotionTarget;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// <application>/<environment>, or a promotion's name
    #[arg(value_name = "PROMOTION")]
    target: PromotionTarget,
    /// Why: people and the ledger are told
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    args: Args,
    /// Let a step go on that waits for a person, also where a pause was taken back at it
    #[arg(long)]
    go: bool,
}

/// What `control` takes.
#[derive(Serialize)]
struct Request<'a> {
    promotion: &'a PromotionId,
    wish: Wish,
    step: Option<usize>,
    by: String,
    reason: &'a str,
}

/// What `control` answers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Noted {
        asked: Asked,
        is_new: bool,
    },
    Waits {
        /// How far its approvers are.
        waits: String,
    },
}

impl Args {
    pub(super) async fn run(self, wish: Wish, global: &Global, output: &Output) -> Result<Exit> {
        self.ask(|_, _| wish, global, output).await
    }

    /// Asks what is wanted as the operator sees the promotion: its step, and what was
    /// asked of it.
    async fn ask(
        self,
        wanted: impl Fn(Option<usize>, &Controls) -> Wish,
        global: &Global,
        output: &Output,
    ) -> Result<Exit> {
        let context = Context::load(global).await?;
        let reader = context.reader()?;
        let id = find(&reader, &self.target).await?;
        let journal: Option<Journal> = reader.store.part(&id, Part::Journal).await?;
        let asking = journal.as_ref().is_some_and(asks_approvers);
        let step = journal.and_then(|journal| journal.step);
        let controls: Option<Controls> = reader.store.part(&id, Part::Controls).await?;
        let request = Request {
            promotion: &id,
            wish: wanted(step, &controls.unwrap_or_default()),
            step,
            by: context.caller().await,
            reason: &self.reason,
        };
        let function = context.resources.control_function()?;
        let answer: Answer = function::ask(&context.config, function, &request).await?;
        let (document, line, exit) = match answer {
            Answer::Noted { asked, is_new } => {
                let line = said(&id, (&asked, is_new), asking);
                let document = json!({"promotion": id, "asked": asked, "is_new": is_new});
                (document, line, Exit::Ok)
            }
            Answer::Waits { waits } => {
                let line = waiting(&id, request.wish, &waits);
                let document = json!({"promotion": id, "wish": request.wish, "waits": waits});
                (document, line, Exit::NotApproved)
            }
        };
        output.answer(&document, |_| vec![line])?;
        Ok(exit)
    }
}

impl ResumeArgs {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let go = self.go;
        let wanted = |step: Option<usize>, controls: &Controls| resume_or_go(go, step, controls);
        self.args.ask(wanted, global, output).await
    }
}

/// A go where nothing was paused at this step. Where a pause was taken back at it, only
/// who says so means a go: `sluice resume` again must move no traffic.
fn resume_or_go(go: bool, step: Option<usize>, controls: &Controls) -> Wish {
    let was_resumed = step.is_some_and(|step| controls.was_resumed(step));
    if go || (controls.paused().is_none() && !was_resumed) {
        Wish::Go
    } else {
        Wish::Resume
    }
}

/// What no wish changes.
const APPROVERS: &str = ". A step that asks its approvers goes on with their approval alone";

/// Whether approvers are asked at the step that a rollout is at, or at one that comes.
fn asks_approvers(journal: &Journal) -> bool {
    let from = journal.step.unwrap_or_default();
    journal.steps.iter().skip(from).any(Step::asks_approvers)
}

/// What is granted only once people have approved it.
fn waiting(id: &PromotionId, wish: Wish, waits: &str) -> String {
    format!(
        "{id}: {} needs an approval, and people are asked: {waits}. Nothing has changed. They vote with \
         `sluice approve {id} --about {}` or on the page; ask again when they have",
        wish.title(),
        wish.name()
    )
}

fn said(id: &PromotionId, (asked, is_new): (&Asked, bool), asking: bool) -> String {
    let words = asked.words();
    let wish = asked.wish;
    match (is_new, wish) {
        (false, Wish::Resume) => format!(
            "{id}: it stands already: {words}. If its step waits for a person, `sluice resume --go` lets it go on"
        ),
        (false, _) => format!("{id}: it stands already: {words}"),
        (true, Wish::Pause) => format!(
            "{id}: {words}. It holds from the judge's next look on; steps without a bake and without \
             `then`, which nobody looks at, are taken until then, and what CodeDeploy shifts it shifts whole"
        ),
        (true, Wish::OverrideWindows) => format!(
            "{id}: {words}. If it waits for its time, it starts within half a minute; after its first hour of waiting, within ten minutes"
        ),
        (true, Wish::Resume | Wish::Go) => {
            format!("{id}: {words}. It holds from the judge's next look on")
        }
        (true, Wish::PromoteNow | Wish::SkipBake | Wish::Emergency) => format!(
            "{id}: {words}. It holds from the judge's next look on, once a whole metric period of a \
             watched step can be known{}",
            if asking { APPROVERS } else { "" }
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use sluice_domain::settings::Then;

    use super::*;

    fn asked(wish: Wish, step: Option<usize>) -> Asked {
        Asked {
            wish,
            by: "ada".to_owned(),
            reason: "wrong day".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            step,
        }
    }

    fn said_of(wish: Wish, is_new: bool) -> String {
        let id = "shop/prod/1.1.0/1".parse().expect("an id");
        let asked = asked(wish, None);
        said(&id, (&asked, is_new), false)
    }

    #[test]
    fn a_wish_that_stood_already_says_whose_it_is() {
        assert_eq!(
            said_of(Wish::Pause, false),
            "shop/prod/1.1.0/1: it stands already: pause, asked by ada: wrong day"
        );
        let resumed = said_of(Wish::Resume, false);
        assert!(resumed.contains("`sluice resume --go`"), "{resumed}");
    }

    #[test]
    fn a_new_wish_says_from_when_on_it_holds() {
        let paused = said_of(Wish::Pause, true);
        assert!(paused.contains("steps without a bake"), "{paused}");
        let resumed = said_of(Wish::Resume, true);
        assert!(
            resumed.ends_with("from the judge's next look on"),
            "{resumed}"
        );
        let hurried = said_of(Wish::Emergency, true);
        assert!(hurried.contains("once a whole metric period"), "{hurried}");
    }

    #[test]
    fn what_needs_an_approval_is_not_told_as_if_it_were_granted() {
        let id = "shop/prod/1.1.0/1".parse().expect("an id");
        let waits = waiting(&id, Wish::Emergency, "0 of 1 approvals so far");
        assert!(waits.contains("Nothing has changed"), "{waits}");
        assert!(
            waits.contains("`sluice approve shop/prod/1.1.0/1 --about emergency`"),
            "{waits}"
        );
    }

    #[test]
    fn who_hurries_hears_that_approvers_are_asked_all_the_same() {
        let id = "shop/prod/1.1.0/1".parse().expect("an id");
        for wish in [Wish::PromoteNow, Wish::SkipBake, Wish::Emergency] {
            let hurried = said(&id, (&asked(wish, None), true), true);
            assert!(
                hurried.ends_with("goes on with their approval alone"),
                "{hurried}"
            );
        }
        let journal = |then: Option<Then>, step| Journal {
            functions: BTreeMap::new(),
            role: None,
            steps: vec![
                Step {
                    then,
                    ..Step::new(10.0, 600)
                },
                Step::new(100.0, 600),
            ],
            begun_at: None,
            step: Some(step),
            shifted_at: None,
            committed: false,
        };
        assert!(asks_approvers(&journal(Some(Then::Approval), 0)));
        assert!(!asks_approvers(&journal(Some(Then::Approval), 1)));
        assert!(!asks_approvers(&journal(Some(Then::Pause), 0)));
    }

    #[test]
    fn resuming_twice_is_no_go_unless_the_operator_says_so() {
        let controls = |wishes: &[Wish]| Controls {
            asked: wishes.iter().map(|wish| asked(*wish, Some(0))).collect(),
        };
        let none = controls(&[]);
        assert_eq!(resume_or_go(false, Some(0), &none), Wish::Go);
        let paused = controls(&[Wish::Pause]);
        assert_eq!(resume_or_go(false, Some(0), &paused), Wish::Resume);
        let resumed = controls(&[Wish::Pause, Wish::Resume]);
        assert_eq!(resume_or_go(false, Some(0), &resumed), Wish::Resume);
        assert_eq!(resume_or_go(true, Some(0), &resumed), Wish::Go);
        assert_eq!(resume_or_go(false, Some(1), &resumed), Wish::Go);
    }
}

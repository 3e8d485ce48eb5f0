//! `sluice pause`, `resume`, `promote-now`, `skip-bake`, `emergency`: ask something
//! of a promotion that runs. The function `control` notes it, and the judge goes
//! by it at its next look.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_domain::controls::{Asked, Wish};
use sluice_domain::promotion::PromotionId;

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

/// What `control` takes.
#[derive(Serialize)]
struct Request<'a> {
    promotion: &'a PromotionId,
    wish: Wish,
    by: String,
    reason: &'a str,
}

/// What `control` answers.
#[derive(Deserialize)]
struct Answer {
    asked: Asked,
    is_new: bool,
}

impl Args {
    pub(super) async fn run(self, wish: Wish, global: &Global, output: &Output) -> Result<Exit> {
        let context = Context::load(global).await?;
        let id = find(&context.reader()?, &self.target).await?;
        let request = Request {
            promotion: &id,
            wish,
            by: context.caller().await,
            reason: &self.reason,
        };
        let function = context.resources.control_function()?;
        let answer: Answer = function::ask(&context.config, function, &request).await?;
        let document = json!({"promotion": id, "asked": answer.asked, "is_new": answer.is_new});
        output.answer(&document, |_| vec![said(&id, &answer)])?;
        Ok(Exit::Ok)
    }
}

fn said(id: &PromotionId, answer: &Answer) -> String {
    let words = answer.asked.words();
    if answer.is_new {
        format!("{id}: {words}. It holds from the judge's next look on")
    } else {
        format!("{id}: it stands already: {words}")
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_wish_that_stood_already_says_whose_it_is() {
        let id = "shop/prod/1.1.0/1".parse().expect("an id");
        let mut answer = Answer {
            asked: Asked {
                wish: Wish::Pause,
                by: "ada".to_owned(),
                reason: "wrong day".to_owned(),
                at: Timestamp::UNIX_EPOCH,
                step: None,
            },
            is_new: true,
        };
        assert_eq!(
            said(&id, &answer),
            "shop/prod/1.1.0/1: pause, asked by ada: wrong day. It holds from the judge's next look on"
        );
        answer.is_new = false;
        assert_eq!(
            said(&id, &answer),
            "shop/prod/1.1.0/1: it stands already: pause, asked by ada: wrong day"
        );
    }
}

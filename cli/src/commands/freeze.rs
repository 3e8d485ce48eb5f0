//! `sluice freeze` and `sluice unfreeze`: stop an environment's line, and let it go
//! on. Both write the environment's settings, as `sluice env put` does.

use serde_json::json;
use sluice_domain::document::Document as _;
use sluice_domain::settings::{Freeze, Settings};
use sluice_platform::settings::parameter;

use crate::amend::amend;
use crate::context::{Context, Global};
use crate::error::{Error, Exit, Result};
use crate::frozen;
use crate::paint::Output;
use crate::parameters::{self, History};
use crate::target::Place;

#[derive(Debug, clap::Args)]
pub(crate) struct FreezeArgs {
    /// The environment
    #[arg(value_name = "APPLICATION/ENVIRONMENT")]
    place: Place,
    /// Why: whoever is refused reads it
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UnfreezeArgs {
    /// The environment
    #[arg(value_name = "APPLICATION/ENVIRONMENT")]
    place: Place,
}

impl FreezeArgs {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        if self.reason.trim().is_empty() {
            let message = "found an empty --reason; expected why the line is stopped";
            return Err(Error::Usage(message.to_owned()));
        }
        let context = Context::load(global).await?;
        let freeze = Freeze {
            by: context.caller().await,
            reason: self.reason,
        };
        let place = &self.place;
        change(&context, place, Some(&freeze), |there| match there {
            Some(Freeze { by, reason }) => Err(format!("is frozen already, by {by}: {reason}")),
            None => Ok(()),
        })
        .await?;
        let document = json!({"application": place.application, "environment": place.environment, "frozen": freeze});
        output.answer(&document, |_| {
            vec![format!(
                "{place} is frozen: no promotion enters it, and one that is shifting goes back before its next step. `sluice unfreeze {place}` ends it"
            )]
        })?;
        Ok(Exit::Ok)
    }
}

impl UnfreezeArgs {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let context = Context::load(global).await?;
        let place = &self.place;
        change(&context, place, None, |there| match there {
            Some(_) => Ok(()),
            None => Err("is not frozen".to_owned()),
        })
        .await?;
        let document = json!({"application": place.application, "environment": place.environment, "frozen": null});
        output.answer(&document, |_| {
            vec![format!(
                "{place} takes promotions again; what was refused is released again with `sluice release --again`"
            )]
        })?;
        Ok(Exit::Ok)
    }
}

/// Writes the settings with this freeze or without any, unless what is there says
/// why not. What others write at the same time is kept.
async fn change(
    context: &Context,
    place: &Place,
    freeze: Option<&Freeze>,
    allows: impl Fn(Option<Freeze>) -> Result<(), String>,
) -> Result<()> {
    let Place {
        application,
        environment,
    } = place;
    let name = parameter(application, environment);
    let changed = |text: &str| {
        let there = Settings::parse(&name, text.as_bytes())?.frozen;
        allows(there).map_err(|why| refused(place, &why))?;
        let text = frozen::with(&name, text, freeze)?;
        Settings::parse(&name, text.as_bytes())?;
        Ok(text)
    };
    let config = &context.config;
    let stored = parameters::get(config, application, environment).await?;
    let history = History {
        config,
        application,
        environment,
    };
    amend(&history, (stored.text, stored.version), changed).await?;
    Ok(())
}

fn refused(place: &Place, why: &str) -> Error {
    Error::Refused {
        name: "Frozen".to_owned(),
        message: format!("{place} {why}; it stays so"),
    }
}

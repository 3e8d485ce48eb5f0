//! `sluice freeze` and `sluice unfreeze`: stop an environment's line, and let it go
//! on. Both write the environment's settings, as `sluice env put` does.

use serde_json::json;
use sluice_domain::document::Document as _;
use sluice_domain::settings::{Freeze, Settings};
use sluice_platform::settings::parameter;

use crate::context::{Context, Global};
use crate::error::{Error, Exit, Result};
use crate::frozen;
use crate::paint::Output;
use crate::parameters::{self, Stored};
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
        let (stored, settings) = read(&context, &self.place).await?;
        if let Some(Freeze { by, reason }) = settings.frozen {
            return Err(refused(
                &self.place,
                &format!("is frozen already, by {by}: {reason}"),
            ));
        }
        let freeze = Freeze {
            by: context.caller().await,
            reason: self.reason,
        };
        write(&context, &stored, Some(&freeze)).await?;
        let document = json!({"application": self.place.application, "environment": self.place.environment, "frozen": freeze});
        output.answer(&document, |_| {
            let place = &self.place;
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
        let (stored, settings) = read(&context, &self.place).await?;
        if settings.frozen.is_none() {
            return Err(refused(&self.place, "is not frozen"));
        }
        write(&context, &stored, None).await?;
        let document = json!({"application": self.place.application, "environment": self.place.environment, "frozen": null});
        output.answer(&document, |_| {
            vec![format!(
                "{} takes promotions again; what was refused is released again with `sluice release --again`",
                self.place
            )]
        })?;
        Ok(Exit::Ok)
    }
}

fn refused(place: &Place, why: &str) -> Error {
    Error::Refused {
        name: "Frozen".to_owned(),
        message: format!("{place} {why}; nothing was written"),
    }
}

async fn read(context: &Context, place: &Place) -> Result<(Stored, Settings)> {
    let Place {
        application,
        environment,
    } = place;
    let stored = parameters::get(&context.config, application, environment).await?;
    let name = parameter(application, environment);
    let settings = Settings::parse(&name, stored.text.as_bytes())?;
    Ok((stored, settings))
}

async fn write(context: &Context, stored: &Stored, freeze: Option<&Freeze>) -> Result<i64> {
    let name = parameter(&stored.application, &stored.environment);
    let text = frozen::with(&name, &stored.text, freeze)?;
    Settings::parse(&name, text.as_bytes())?;
    parameters::put(
        &context.config,
        &stored.application,
        &stored.environment,
        &text,
    )
    .await
}

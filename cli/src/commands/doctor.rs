//! `sluice doctor`: looks at everything that a release needs, and says how to
//! mend what is wrong. It changes nothing.

use aws_config::SdkConfig;
use sluice_platform::store::Store;

use crate::context::Global;
use crate::doctor::{judge, look};
use crate::error::{Exit, Result};
use crate::finding::{Finding, has_problem};
use crate::managed::Managed;
use crate::paint::Output;
use crate::resources::Resources;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this application's settings
    application: Option<String>,
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let config = sluice_platform::aws::config().await;
        let mut findings = vec![judge::identity(&look::identity(&config).await)];
        if !has_problem(&findings) {
            let resources = Resources::load(&config, &global.stack).await;
            findings.extend(match &resources {
                Ok(resources) => stack(&config, resources).await,
                Err(error) => vec![judge::no_stack(&global.stack, error)],
            });
            let store = resources.as_ref().ok().and_then(|resources| {
                let table = resources.state_table().ok()?;
                Some(Store::new(&config, table.to_owned()))
            });
            let managed = resources.and_then(|resources| Managed::of(&resources)).ok();
            let application = self.application.as_deref();
            let found = look::environments(&config, store.as_ref(), application).await;
            findings.extend(match found {
                Ok(found) => judge::environments(&found, managed.as_ref()),
                Err(error) => vec![judge::no_settings(&error)],
            });
        }
        output.answer(&findings, |style| {
            findings
                .iter()
                .flat_map(|finding| finding.lines(style))
                .collect()
        })?;
        Ok(if has_problem(&findings) {
            Exit::Failed
        } else {
            Exit::Ok
        })
    }
}

async fn stack(config: &SdkConfig, resources: &Resources) -> Vec<Finding> {
    let outputs = judge::outputs(resources.stack(), &resources.missing());
    let mut findings = vec![outputs];
    if !has_problem(&findings) {
        findings.extend(match look::stack(config, resources).await {
            Ok(stack) => judge::stack(&stack),
            Err(error) => vec![judge::no_stack(resources.stack(), &error)],
        });
    }
    findings
}

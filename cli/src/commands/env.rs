//! `sluice env`: environments' settings in Parameter Store.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use aws_config::SdkConfig;
use serde_json::json;
use sluice_domain::document::Document as _;
use sluice_domain::settings::{Freeze, Settings};
use sluice_platform::settings::parameter;

use super::{enroll, subscribe};
use crate::amend::amend;
use crate::context::Global;
use crate::doctor::judge;
use crate::elsewhere;
use crate::error::{Error, Exit, Result};
use crate::finding::{Finding, has_problem};
use crate::frozen;
use crate::managed::Managed;
use crate::paint::{Output, Style, Table, Tone};
use crate::parameters::{self, History, Stored};
use crate::planned::enters;
use crate::previews;
use crate::resources::Resources;
use crate::settings_check::gather;
use crate::settings_source::{read, tidy};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check a file and write it
    Put {
        /// The application
        application: String,
        /// The environment
        environment: String,
        /// The settings document; `-` reads standard input
        file: PathBuf,
        /// Write even if what the settings name is not there yet
        #[arg(long)]
        unchecked: bool,
    },
    /// Print an environment's settings
    Get {
        /// The application
        application: String,
        /// The environment
        environment: String,
    },
    /// Check settings, and what they name
    Check {
        /// The application
        application: String,
        /// The environment
        environment: String,
        /// A file that is not written yet, instead of what is stored; `-` reads standard input
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Make an approver's secret of one-time codes, and show it once, as a QR code
    Enroll(enroll::Args),
    /// Have an address told by e-mail, and confirm that so that no scanner can end it
    Subscribe(subscribe::Args),
    /// List environments
    List {
        /// Only this application
        application: Option<String>,
    },
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        // Settings live outside the stack: they can be read before it is there.
        let config = sluice_platform::aws::config().await;
        match self.action {
            Action::Put {
                application,
                environment,
                file,
                unchecked,
            } => {
                let place = (application.as_str(), environment.as_str());
                let stack = (!unchecked).then_some(global.stack.as_str());
                put(&config, output, place, &file, stack).await
            }
            Action::Get {
                application,
                environment,
            } => {
                let stored = parameters::get(&config, &application, &environment).await?;
                output.document(stored.text.trim_end())?;
                Ok(Exit::Ok)
            }
            Action::Check {
                application,
                environment,
                file,
            } => {
                let text = match file {
                    Some(file) => read(&file)?,
                    None => {
                        parameters::get(&config, &application, &environment)
                            .await?
                            .text
                    }
                };
                let place = (application.as_str(), environment.as_str());
                let findings = findings(&config, &global.stack, place, &text).await?;
                tell(output, &application, &environment, &findings)
            }
            Action::Enroll(args) => args.run(&config, output).await,
            Action::Subscribe(args) => args.run(&config, global, output).await,
            Action::List { application } => list(&config, output, application.as_deref()).await,
        }
    }
}

/// Writes settings. With the name of Sluice's stack they are checked before.
async fn put(
    config: &SdkConfig,
    output: &Output,
    place @ (application, environment): (&str, &str),
    file: &Path,
    stack: Option<&str>,
) -> Result<Exit> {
    let name = parameter(application, environment);
    let text = tidy(&read(file)?);
    check_names(application, environment)?;
    previews::refuse(environment, &Settings::parse(&name, text.as_bytes())?)?;
    let findings = match stack {
        Some(stack) => findings(config, stack, place, &text).await?,
        None => Vec::new(),
    };
    if has_problem(&findings) {
        // The answer is the refusal; this is why.
        let style = output.style();
        let lines = findings.iter().flat_map(|finding| finding.lines(style));
        output.lines(&lines.collect::<Vec<_>>())?;
        let message = format!(
            "{name} was not written; mend the problems, or write it all the same with --unchecked"
        );
        return Err(Error::Refused {
            name: "InvalidSettings".to_owned(),
            message,
        });
    }
    let there = parameters::find(config, application, environment).await?;
    let there = there.map_or_else(Default::default, |stored| (stored.text, stored.version));
    let history = History {
        config,
        application,
        environment,
    };
    let frozen = Cell::new(None);
    let renewed = |there: &str| {
        let (text, kept) = frozen::kept(&name, text.trim_end(), there)?;
        frozen.set(kept);
        Ok(text)
    };
    let version = amend(&history, there, renewed).await?;
    let frozen = frozen.take();
    let document = json!({"parameter": name, "version": version, "still_frozen": frozen});
    output.answer(&document, |_| {
        let mut lines = vec![format!("{name} written, version {version}")];
        lines.extend(frozen.map(|Freeze { by, reason }| {
            format!(
                "it stays frozen by {by}: {reason}; `sluice unfreeze {application}/{environment}` ends that"
            )
        }));
        lines
    })?;
    Ok(Exit::Ok)
}

/// Names become paths and execution names: the same rule as in the documents.
pub(super) fn check_names(application: &str, environment: &str) -> Result<()> {
    for (what, name) in [("application", application), ("environment", environment)] {
        let plain = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !plain || !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > 32 {
            return Err(Error::Usage(format!(
                "found the {what} `{name}`; expected 1 to 32 of a-z, 0-9 and `-`, starting with a letter"
            )));
        }
    }
    Ok(())
}

async fn findings(
    config: &SdkConfig,
    stack: &str,
    (application, environment): (&str, &str),
    text: &str,
) -> Result<Vec<Finding>> {
    let name = parameter(application, environment);
    let settings = Settings::parse(&name, text.as_bytes())?;
    let mut findings = vec![Finding::ok(name, "the document is valid")];
    findings.extend(previews::check_name(environment, &settings));
    let managed = managed(config, stack).await;
    if let Err(error) = &managed {
        let message = format!("what it may touch is not compared: {error}");
        findings.push(Finding::note(format!("stack {stack}"), message, ""));
    }
    let others: Vec<(String, Settings)> = parameters::list(config, Some(application))
        .await?
        .into_iter()
        .filter(|other| other.environment != environment)
        .filter_map(|other| {
            let settings = Settings::parse(&other.environment, other.text.as_bytes()).ok()?;
            Some((other.environment, settings))
        })
        .collect();
    findings.extend(previews::check_others(&settings, &others));
    let others = others.iter().map(|(name, other)| (name.as_str(), other));
    let facts = gather(config, &settings).await;
    findings.extend(judge::settings(
        &settings,
        &facts,
        others,
        managed.ok().as_ref(),
    ));
    Ok(findings)
}

/// Settings can be written before the stack is there.
async fn managed(config: &SdkConfig, stack: &str) -> Result<Managed> {
    Managed::of(&Resources::load(config, stack).await?)
}

fn tell(
    output: &Output,
    application: &str,
    environment: &str,
    findings: &[Finding],
) -> Result<Exit> {
    let document =
        json!({"application": application, "environment": environment, "findings": findings});
    output.answer(&document, |style| {
        findings
            .iter()
            .flat_map(|finding| finding.lines(style))
            .collect()
    })?;
    Ok(if has_problem(findings) {
        Exit::Failed
    } else {
        Exit::Ok
    })
}

async fn list(config: &SdkConfig, output: &Output, application: Option<&str>) -> Result<Exit> {
    let mut found: Vec<_> = parameters::list(config, application)
        .await?
        .into_iter()
        .map(|stored| {
            (
                Settings::parse(&stored.environment, stored.text.as_bytes()).ok(),
                stored,
            )
        })
        .collect();
    let place = |settings: &Option<Settings>| match settings {
        Some(settings) if settings.preview_of.is_none() => settings.order,
        _ => u32::MAX,
    };
    found.sort_by(|(one, first), (two, second)| {
        (&first.application, place(one)).cmp(&(&second.application, place(two)))
    });
    let documents: Vec<_> = found
        .iter()
        .map(|(settings, stored)| {
            let functions = settings.as_ref().map(|settings| settings.functions.keys().collect::<Vec<_>>());
            let mut document = json!({
                "application": stored.application, "environment": stored.environment, "version": stored.version,
                "valid": settings.is_some(), "order": settings.as_ref().map(|settings| settings.order), "functions": functions,
            });
            if let Some(of) = settings.as_ref().and_then(|settings| settings.preview_of.as_ref()) {
                document["preview_of"] = json!(of);
            }
            document
        })
        .collect();
    output.answer(&documents, |style| listed(&found, style))?;
    Ok(Exit::Ok)
}

fn listed(found: &[(Option<Settings>, Stored)], style: Style) -> Vec<String> {
    if found.is_empty() {
        return vec!["no environment has settings; write them with `sluice env put`".to_owned()];
    }
    let headings = [
        "application",
        "environment",
        "order",
        "functions",
        "where",
        "enters",
        "approval",
        "state",
    ];
    let mut table = Table::new(&headings);
    for (settings, stored) in found {
        let mut row = vec![
            (Tone::Plain, stored.application.clone()),
            (Tone::Plain, stored.environment.clone()),
        ];
        match settings {
            Some(settings) => row.extend(cells(settings)),
            None => row.push((
                Tone::Bad,
                "not valid: `sluice env check` says why".to_owned(),
            )),
        }
        table.row(row);
    }
    table.lines(style)
}

fn cells(settings: &Settings) -> Vec<(Tone, String)> {
    let approval = settings.approval.as_ref().map_or_else(
        || "nobody".to_owned(),
        |policy| format!("{} of {}", policy.seats().len(), policy.approvers.len()),
    );
    let (tone, state) = match (&settings.frozen, &settings.preview_of) {
        (Some(freeze), _) => (
            Tone::Doubt,
            format!("frozen by {}: {}", freeze.by, freeze.reason),
        ),
        (None, Some(preview)) => (Tone::Plain, format!("preview of {}", preview.environment)),
        (None, None) => (Tone::Plain, String::new()),
    };
    let order = match settings.preview_of {
        Some(_) => "–".to_owned(),
        None => settings.order.to_string(),
    };
    let functions: Vec<&str> = settings.functions.keys().map(String::as_str).collect();
    let place = settings.role.as_ref().map(elsewhere::place);
    vec![
        (Tone::Plain, order),
        (Tone::Plain, functions.join(", ")),
        (Tone::Plain, place.unwrap_or_else(|| "here".to_owned())),
        (Tone::Plain, enters(&settings.entry)),
        (Tone::Plain, approval),
        (tone, state),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_not_become_paths_are_wrong_usage() {
        check_names("storefront", "prod-2").expect("fine");
        for (application, environment) in [
            ("Shop", "prod"),
            ("shop", "../x"),
            ("shop", ""),
            ("shop", "9"),
        ] {
            let error = check_names(application, environment).expect_err("refused");
            assert_eq!(error.exit(), Exit::Usage);
        }
    }

    #[test]
    fn a_frozen_environment_says_by_whom_and_why() {
        let document = json!({"schema": 1, "order": 3, "functions": {"api": {"name": "x"}}, "frozen": {"by": "ada", "reason": "fair"}});
        let settings = Settings::parse("/x", document.to_string().as_bytes()).expect("valid");
        let cells: Vec<String> = cells(&settings).into_iter().map(|(_, cell)| cell).collect();
        let expected = [
            "3",
            "api",
            "here",
            "begins by itself",
            "nobody",
            "frozen by ada: fair",
        ];
        assert_eq!(cells, expected);
    }

    #[test]
    fn a_wave_says_where_it_is_and_after_how_long_it_enters() {
        let role = json!({"arn": "arn:aws:iam::444455556666:role/sluice", "external_id": "e", "region": "us-east-1"});
        let document = json!({"schema": 1, "order": 3, "functions": {"api": {"name": "x"}}, "role": role,
            "entry": {"soak_seconds": 3600}});
        let settings = Settings::parse("/x", document.to_string().as_bytes()).expect("valid");
        let cells: Vec<String> = cells(&settings).into_iter().map(|(_, cell)| cell).collect();
        assert_eq!(cells[2], "444455556666, us-east-1");
        assert!(
            cells[3].contains("1 h after the environment before"),
            "{cells:?}"
        );
    }
}

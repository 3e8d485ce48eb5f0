//! `sluice preview`: what branches are tried out as, and taking that away again.

use aws_config::SdkConfig;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_domain::document::Document as _;
use sluice_domain::preview::PreviewOf;
use sluice_domain::settings::Settings;
use sluice_platform::settings::{is_preview, parameter};

use crate::context::{Context, Global};
use crate::error::{Exit, Result};
use crate::function;
use crate::paint::{Output, Style, Table, Tone};
use crate::parameters;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the previews of an application
    List {
        /// The application
        application: String,
    },
    /// Delete a preview's aliases, and its settings
    Remove {
        /// The application
        application: String,
        /// The preview, such as `pr-123`
        preview: String,
        /// Why: the ledger is told
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// What the function `preview` takes.
#[derive(Serialize)]
struct Request<'a> {
    op: &'static str,
    application: &'a str,
    preview: &'a str,
    by: String,
    reason: &'a str,
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    outcome: String,
    deleted: Vec<String>,
    left: Vec<String>,
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        match self.action {
            Action::List { application } => {
                let config = sluice_platform::aws::config().await;
                list(&config, output, &application).await
            }
            Action::Remove {
                application,
                preview,
                reason,
            } => {
                let context = Context::load(global).await?;
                let request = Request {
                    op: "remove",
                    application: &application,
                    preview: &preview,
                    by: context.caller().await,
                    reason: &reason,
                };
                let function = context.resources.preview_function()?;
                let answer: Answer = function::ask(&context.config, function, &request).await?;
                output.answer(&answer, |_| said(&application, &preview, &answer))?;
                Ok(Exit::Ok)
            }
        }
    }
}

fn said(application: &str, preview: &str, answer: &Answer) -> Vec<String> {
    let name = format!("preview {preview} of {application}");
    let mut lines = vec![match answer.outcome.as_str() {
        "absent" => format!("there is no {name}: nothing to remove"),
        "renewed" => format!("{name} was released anew meanwhile, and stays"),
        _ if answer.deleted.is_empty() => format!("{name} is removed; it had no aliases"),
        _ => format!("{name} is removed, with {}", answer.deleted.join(", ")),
    }];
    let stays = "stays: Sluice can't tell that it is this preview's; delete it if nobody needs it";
    lines.extend(answer.left.iter().map(|alias| format!("{alias} {stays}")));
    lines
}

async fn list(config: &SdkConfig, output: &Output, application: &str) -> Result<Exit> {
    let stored = parameters::list(config, Some(application)).await?;
    let previews = stored.into_iter().filter(|stored| is_preview(&stored.text));
    let previews: Vec<(String, Option<PreviewOf>)> = previews
        .map(|stored| {
            let name = parameter(application, &stored.environment);
            let settings = Settings::parse(&name, stored.text.as_bytes()).ok();
            (stored.environment, settings.and_then(|it| it.preview_of))
        })
        .collect();
    let documents: Vec<_> = previews
        .iter()
        .map(|(name, preview)| json!({"application": application, "preview": name, "preview_of": preview}))
        .collect();
    output.answer(&documents, |style| listed(application, &previews, style))?;
    Ok(Exit::Ok)
}

fn listed(
    application: &str,
    previews: &[(String, Option<PreviewOf>)],
    style: Style,
) -> Vec<String> {
    if previews.is_empty() {
        return vec![format!("{application} has no previews")];
    }
    let mut table = Table::new(&["preview", "of", "branch", "until", "state"]);
    for (name, preview) in previews {
        let mut row = vec![(Tone::Plain, name.clone())];
        match preview {
            Some(preview) => row.extend(cells(preview)),
            None => row.push((
                Tone::Bad,
                "not valid: `sluice env check` says why".to_owned(),
            )),
        }
        table.row(row);
    }
    table.lines(style)
}

fn cells(preview: &PreviewOf) -> Vec<(Tone, String)> {
    let until = preview
        .expires_at
        .strftime("%Y-%m-%d %H:%M UTC")
        .to_string();
    let state = preview
        .removal
        .as_ref()
        .map_or_else(String::new, |removal| {
            format!("goes: {} asked: {}", removal.by, removal.reason)
        });
    vec![
        (Tone::Plain, preview.environment.clone()),
        (Tone::Plain, preview.branch.clone().unwrap_or_default()),
        (Tone::Plain, until),
        (Tone::Doubt, state),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_says_what_went_and_what_stays() {
        let answer = |outcome: &str, left: &[&str]| Answer {
            outcome: outcome.to_owned(),
            deleted: vec!["api:pr-7".to_owned()],
            left: left.iter().map(|&alias| alias.to_owned()).collect(),
        };
        let lines = said("shop", "pr-7", &answer("removed", &["web:pr-7"]));
        assert_eq!(lines[0], "preview pr-7 of shop is removed, with api:pr-7");
        assert!(lines[1].starts_with("web:pr-7 stays"), "{lines:?}");
        let lines = said("shop", "pr-7", &answer("absent", &[]));
        assert_eq!(
            lines,
            ["there is no preview pr-7 of shop: nothing to remove"]
        );
        let lines = said("shop", "pr-7", &answer("renewed", &[]));
        assert!(lines[0].contains("was released anew"), "{lines:?}");
    }

    #[test]
    fn a_preview_shows_where_it_lives_how_long_and_who_takes_it_away() {
        let preview: PreviewOf = serde_json::from_value(json!({
            "environment": "dev", "expires_at": "2026-11-22T10:00:00Z", "branch": "feature/lamp",
            "removal": {"by": "ada", "reason": "merged", "at": "2026-11-22T09:00:00Z"},
        }))
        .expect("valid");
        let cells: Vec<String> = cells(&preview).into_iter().map(|(_, cell)| cell).collect();
        let expected = [
            "dev",
            "feature/lamp",
            "2026-11-22 10:00 UTC",
            "goes: ada asked: merged",
        ];
        assert_eq!(cells, expected);
    }
}

//! `sluice init`: drafts the settings of an application from what the account holds.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::env::check_names;
use crate::error::{Error, Exit, Result};
use crate::init::account::{Account, Which};
use crate::init::{Draft, Drafts, page};
use crate::paint::{Output, Tone};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The application, as settings and manifests are to call it
    application: String,
    /// Take the functions with this in their names, instead of the application's name
    #[arg(long, value_name = "TEXT", conflicts_with = "tag")]
    name: Option<String>,
    /// Take the functions with this tag. Each function of the account is asked for its tags
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    tag: Option<(String, String)>,
    /// Where the drafts are written: `<folder>/<environment>.jsonc`
    #[arg(long, value_name = "FOLDER", default_value = "sluice")]
    out: PathBuf,
}

fn tag(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = parts.ok_or_else(|| format!("found `{text}`; expected KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Args {
    pub(super) async fn run(self, output: &Output) -> Result<Exit> {
        let application = self.application.as_str();
        check_names(application, "prod")?;
        let which = match (self.tag, self.name) {
            (Some((key, value)), _) => Which::Tagged(key, value),
            (None, name) => Which::Named(name.unwrap_or_else(|| application.to_owned())),
        };
        let config = sluice_platform::aws::config().await;
        let found = Account::new(&config).functions(&which).await?;
        let drafts = Drafts::of(application, found);
        if drafts.drafts.is_empty() {
            return Err(Error::Absent(nothing(&which, &drafts)));
        }
        let files = write(&drafts, &self.out)?;
        let document = json!({
            "application": application,
            "environments": drafts.drafts.iter().zip(&files).map(|(draft, file)| json!({
                "environment": draft.environment,
                "order": draft.order,
                "file": file,
                "functions": draft.functions.iter().map(|(name, one)| (name, &one.name)).collect::<std::collections::BTreeMap<_, _>>(),
            })).collect::<Vec<_>>(),
            "unplaced": drafts.unplaced,
        });
        output.answer(&document, |style| {
            let mut lines: Vec<String> = drafts.drafts.iter().zip(&files).map(line).collect();
            lines.extend(drafts.unplaced.iter().map(|name| {
                let left = format!(
                    "left out: {name}: neither a tag nor its name says which environment it is of"
                );
                style.paint(Tone::Doubt, &left)
            }));
            lines.push("read the drafts; each says how to check and write it".to_owned());
            lines
        })?;
        Ok(Exit::Ok)
    }
}

fn line((draft, file): (&Draft, &PathBuf)) -> String {
    let functions: Vec<String> = draft
        .functions
        .iter()
        .map(|(name, one)| format!("{name} ({})", one.name))
        .collect();
    format!(
        "{}. {}  {}  {}",
        draft.order,
        draft.environment,
        file.display(),
        functions.join(", ")
    )
}

/// Writes each draft to a file of its own. One that is there is somebody's work: nothing
/// is written then.
fn write(drafts: &Drafts, folder: &Path) -> Result<Vec<PathBuf>> {
    let file = |draft: &Draft| folder.join(format!("{}.jsonc", draft.environment));
    let files: Vec<PathBuf> = drafts.drafts.iter().map(file).collect();
    if let Some(there) = files.iter().find(|file| file.exists()) {
        return Err(Error::Usage(format!(
            "{} is there already, and nothing was written; move it away, or name another folder with --out",
            there.display()
        )));
    }
    std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    for (draft, file) in drafts.drafts.iter().zip(&files) {
        let text = page(draft, &file.display().to_string());
        let created = OpenOptions::new().write(true).create_new(true).open(file);
        created
            .and_then(|mut opened| opened.write_all(text.as_bytes()))
            .map_err(Error::file("write", file))?;
    }
    Ok(files)
}

fn nothing(which: &Which, drafts: &Drafts) -> String {
    let meant = match which {
        Which::Named(text) => format!("`{text}` in its name"),
        Which::Tagged(key, value) => format!("the tag {key}={value}"),
    };
    if drafts.unplaced.is_empty() {
        return format!(
            "no function of this account and region has {meant}; choose others with --name or --tag"
        );
    }
    format!(
        "{} functions have {meant}, and neither tag nor name says which environment they are of ({}); \
         tag them with `environment`, or write the settings by hand (docs/settings.md)",
        drafts.unplaced.len(),
        drafts.unplaced.join(", ")
    )
}

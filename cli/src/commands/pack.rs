//! `sluice pack`: builds a bundle from a folder.

use std::path::PathBuf;

use semver::Version;
use serde_json::json;
use sluice_domain::manifest::Person;

use crate::error::{Exit, Result};
use crate::pack::{Bundle, Facts, Given, Origin};
use crate::paint::{Output, Tone};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with the template of release.json
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Where the bundle is written
    #[arg(long, value_name = "FOLDER", default_value = "bundle")]
    out: PathBuf,
    #[command(flatten)]
    facts: FactArgs,
}

/// What the command line may say of a release, instead of template and git.
#[derive(Debug, clap::Args)]
pub(crate) struct FactArgs {
    /// The version, instead of the template's
    #[arg(long, value_name = "SEMVER")]
    version: Option<Version>,
    /// The full commit id, instead of git's
    #[arg(long, value_name = "ID")]
    commit: Option<String>,
    /// Who wrote the change, instead of git's: "Name <address>"
    #[arg(long, value_name = "PERSON", value_parser = person)]
    author: Option<Person>,
    /// Where the release before is in git, instead of the last tag: whoever wrote or merged a
    /// commit since can't approve this one
    #[arg(long, value_name = "REF")]
    since: Option<String>,
    /// The branch of the build, instead of the build system's or git's
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// The tag of the build, instead of the build system's or git's
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    /// The preview that it is built for, such as `pr-123`, instead of the path
    #[arg(long, value_name = "NAME")]
    preview: Option<String>,
}

impl From<FactArgs> for Given {
    fn from(args: FactArgs) -> Self {
        Self {
            version: args.version,
            commit: args.commit,
            author: args.author,
            since: args.since,
            origin: Origin {
                branch: args.branch,
                tag: args.tag,
            },
            preview: args.preview,
            build: Origin::of_build(|name| std::env::var(name).ok()),
        }
    }
}

fn person(text: &str) -> Result<Person, String> {
    crate::pack::person(text).ok_or_else(|| format!("found `{text}`; expected \"Name <address>\""))
}

impl Args {
    pub(super) fn run(self, output: &Output) -> Result<Exit> {
        let given: Given = self.facts.into();
        let facts = Facts::read(&self.folder, given.since.as_deref())?;
        let bundle = Bundle::pack(&self.folder, &given, facts)?;
        bundle.write(&self.out)?;
        let manifest = &bundle.manifest;
        let document = json!({
            "application": manifest.application,
            "version": manifest.version,
            "commit": manifest.commit,
            "branch": manifest.branch,
            "tag": manifest.tag,
            "preview": manifest.preview,
            "digest": bundle.digest(),
            "folder": self.out,
            "files": bundle.files.iter().map(|(key, bytes)| json!({"key": key, "bytes": bytes.len()})).collect::<Vec<_>>(),
            "notes": bundle.notes,
        });
        output.answer(&document, |style| {
            let title = format!("{} {}", manifest.application, manifest.version);
            let mut lines = vec![format!(
                "{}  bundle {}",
                style.paint(Tone::Strong, &title),
                bundle.digest().short()
            )];
            lines.extend(
                bundle
                    .files
                    .iter()
                    .map(|(key, bytes)| format!("  {key}  {} bytes", bytes.len())),
            );
            lines.extend(
                bundle
                    .notes
                    .iter()
                    .map(|note| style.paint(Tone::Doubt, &format!("  note: {note}"))),
            );
            lines.push(format!(
                "written to {}; release it with `sluice release {0}`",
                self.out.display()
            ));
            lines
        })?;
        Ok(Exit::Ok)
    }
}

//! `sluice release`: uploads a bundle, which starts its release, and follows it.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use sluice_platform::store::{Part, Release};

use super::pack::FactArgs;
use crate::context::{Context, Global};
use crate::error::{Error, Exit, Result};
use crate::github::Job;
use crate::intake::{self, Request};
use crate::ledger::{SetAside, UNKNOWN_RELEASE, refusal, release_chain, set_aside};
use crate::pack::Bundle;
use crate::paint::Output;
use crate::previews;
use crate::reader::Reader;
use crate::render;
use crate::upload::Uploader;
use crate::{follow, view::ReleaseView};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder that `sluice pack` wrote, or one that it would take
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    facts: FactArgs,
    /// Ask for a new attempt at a version that was rejected, expired or rolled back
    #[arg(long)]
    again: bool,
    /// Return once the bundle is uploaded
    #[arg(long)]
    no_follow: bool,
    /// In a step of GitHub Actions: write its summary page, its outputs and, if the
    /// release fails, an annotation
    #[arg(long)]
    github: bool,
}

/// How long a release may take to start after its upload.
const STARTS_WITHIN: Duration = Duration::from_secs(120);
/// How long between two looks.
const EVERY: Duration = Duration::from_millis(500);

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let job = self.github.then(Job::detect).transpose()?;
        let exit = self.release(global, output, job.as_ref()).await;
        if let (Some(job), Err(error)) = (&job, &exit) {
            job.failed(output, error)?;
        }
        exit
    }

    async fn release(self, global: &Global, output: &Output, job: Option<&Job>) -> Result<Exit> {
        let bundle = Bundle::open(&self.folder, &self.facts.into())?;
        if let Some(job) = job {
            job.released(&bundle)?;
        }
        for note in &bundle.notes {
            output.line(&format!("note: {note}"))?;
        }
        let context = Context::load(global).await?;
        let reader = context.reader()?;
        let attempts = reader
            .store
            .releases(&bundle.manifest.application, &bundle.manifest.version)
            .await?;
        check_digest(&bundle, &attempts)?;
        let release = match (attempts.last(), self.again) {
            (Some(last), false) => {
                output.line(&format!(
                    "attempt {} was made already; ask for another one with --again",
                    last.attempt
                ))?;
                Some(last.clone())
            }
            (Some(_), true) => Some(again(&context, &reader, output, &bundle).await?),
            (None, _) => match upload(&context, &reader, output, &bundle, !self.no_follow).await? {
                Some(Came::Release(release)) => Some(*release),
                Some(Came::SetAside(why)) => return why.answer(output),
                None => None,
            },
        };
        match release {
            Some(release) if !self.no_follow => {
                let view = follow::release(&reader, output, &release).await?;
                let exit = report(&reader, output, &view, job).await?;
                if let (Exit::Ok, Some(preview)) = (exit, &bundle.manifest.preview) {
                    let calls = addresses(&reader, &release, preview).await?;
                    output.lines(&calls)?;
                    if let Some(job) = job {
                        job.add(preview, &calls)?;
                    }
                }
                Ok(exit)
            }
            release => {
                let (application, version) =
                    (&bundle.manifest.application, &bundle.manifest.version);
                let attempt = release.map(|release| release.attempt);
                let document = json!({"application": application, "version": version, "digest": bundle.digest(), "attempt": attempt});
                output.answer(&document, |_| {
                    vec![format!(
                        "follow it with `sluice watch {application}/{version}`"
                    )]
                })?;
                Ok(Exit::Ok)
            }
        }
    }
}

/// How the functions of a preview are called once it was promoted.
async fn addresses(reader: &Reader, release: &Release, preview: &str) -> Result<Vec<String>> {
    let id = release.promotion(preview);
    let versions = reader.store.part(&id, Part::Versions).await?;
    Ok(previews::addresses(&versions.unwrap_or_default()))
}

/// A version names one bundle for ever.
fn check_digest(bundle: &Bundle, attempts: &[Release]) -> Result<()> {
    match attempts
        .iter()
        .find(|release| release.bundle.digest != bundle.digest())
    {
        None => Ok(()),
        Some(other) => Err(Error::Refused {
            name: "VersionTaken".to_owned(),
            message: format!(
                "{} {} names bundle {} already, this one is {}; nothing was uploaded: release it under a new version",
                other.application,
                other.version,
                other.bundle.digest.short(),
                bundle.digest().short()
            ),
        }),
    }
}

/// What an upload came to.
enum Came {
    Release(Box<Release>),
    SetAside(SetAside),
}

/// Uploads the bundle; with `wait`, also finds what it came to.
async fn upload(
    context: &Context,
    reader: &Reader,
    output: &Output,
    bundle: &Bundle,
    wait: bool,
) -> Result<Option<Came>> {
    let arrival = Arrival::expect(reader, bundle).await?;
    let bucket = context.resources.artifacts_bucket()?;
    let uploaded = Uploader::new(&context.config, bucket).send(bundle).await?;
    output.line(&format!(
        "uploaded {} files to s3://{bucket}/{}/, {} were there",
        uploaded.sent, arrival.folder, uploaded.kept
    ))?;
    if wait {
        arrival.wait(reader, bundle).await.map(Some)
    } else {
        Ok(None)
    }
}

/// What tells that an upload has arrived: the ledger's chains, and how far
/// they went before it.
struct Arrival {
    folder: String,
    chains: Vec<(String, u64)>,
}

impl Arrival {
    async fn expect(reader: &Reader, bundle: &Bundle) -> Result<Self> {
        let own = release_chain(&bundle.manifest.application, &bundle.manifest.version);
        let mut chains = Vec::new();
        for chain in [own, UNKNOWN_RELEASE.to_owned()] {
            let entries = reader.ledger.entries(&chain, 0).await?;
            chains.push((chain, entries.last().map_or(0, |entry| entry.sequence)));
        }
        Ok(Self {
            folder: Uploader::folder(bundle),
            chains,
        })
    }

    /// The release that the upload started, or why it started none.
    async fn wait(&self, reader: &Reader, bundle: &Bundle) -> Result<Came> {
        let deadline = tokio::time::Instant::now() + STARTS_WITHIN;
        let (application, version) = (&bundle.manifest.application, &bundle.manifest.version);
        while tokio::time::Instant::now() < deadline {
            let attempts = reader.store.releases(application, version).await?;
            if let Some(release) = attempts.into_iter().next_back() {
                return Ok(Came::Release(release.into()));
            }
            for (chain, before) in &self.chains {
                let entries = reader.ledger.entries(chain, *before).await?;
                let must_name_it = chain == UNKNOWN_RELEASE;
                let refusal = |entry| refusal(entry, &self.folder, must_name_it);
                if let Some(refused) = entries.iter().find_map(refusal) {
                    return Err(refused);
                }
                if let Some(why) = entries.iter().find_map(set_aside) {
                    return Ok(Came::SetAside(why));
                }
            }
            tokio::time::sleep(EVERY).await;
        }
        Err(Error::TooLate(format!(
            "no release began within {} s of the upload; `sluice doctor` checks the way there",
            STARTS_WITHIN.as_secs()
        )))
    }
}

async fn again(
    context: &Context,
    reader: &Reader,
    output: &Output,
    bundle: &Bundle,
) -> Result<Release> {
    // What the attempt before lacked may be here.
    let bucket = context.resources.artifacts_bucket()?;
    let uploaded = Uploader::new(&context.config, bucket)
        .complete(bundle)
        .await?;
    if uploaded.sent > 0 {
        output.line(&format!(
            "uploaded what s3://{bucket}/{}/ lacked: {} files",
            Uploader::folder(bundle),
            uploaded.sent
        ))?;
    }
    let request = Request {
        application: bundle.manifest.application.clone(),
        version: bundle.manifest.version.clone(),
        again: true,
        requested_by: context.caller().await,
        environments: None,
        from: None,
        rollback: false,
        operation: None,
    };
    ask(context, reader, output, &request).await
}

/// Asks `intake`, and finds the release that it speaks of.
async fn ask(
    context: &Context,
    reader: &Reader,
    output: &Output,
    request: &Request,
) -> Result<Release> {
    let answer = intake::ask(
        &context.config,
        context.resources.intake_function()?,
        request,
    )
    .await?;
    output.line(&answer.message)?;
    let attempts = reader
        .store
        .releases(&request.application, &request.version)
        .await?;
    let meant = match answer.attempt {
        Some(attempt) => attempts
            .into_iter()
            .find(|release| release.attempt == attempt),
        None => attempts.into_iter().next_back(),
    };
    meant.ok_or_else(|| {
        Error::Absent(format!(
            "intake answered `{}`, and no attempt is on record",
            answer.outcome
        ))
    })
}

/// Asks `intake` for a release, and follows it.
pub(super) async fn ask_and_follow(
    context: &Context,
    reader: &Reader,
    output: &Output,
    request: &Request,
    wait: bool,
) -> Result<Exit> {
    let release = ask(context, reader, output, request).await?;
    if !wait {
        output.answer(&release, |_| {
            vec![format!(
                "follow it with `sluice watch {}/{}`",
                release.application, release.version
            )]
        })?;
        return Ok(Exit::Ok);
    }
    let view = follow::release(reader, output, &release).await?;
    report(reader, output, &view, None).await
}

/// Tells what a release came to, and answers the exit status that says so.
pub(super) async fn report(
    reader: &Reader,
    output: &Output,
    view: &ReleaseView,
    job: Option<&Job>,
) -> Result<Exit> {
    let timeline = reader.release_timeline(view, Timestamp::now()).await?;
    if let Some(job) = job {
        job.tell(output, &timeline)?;
    }
    output.line("")?;
    let Some(outcome) = timeline.outcome else {
        // The answer is the failure; this is how far it came.
        output.lines(&render::release_timeline(&timeline, output.style()))?;
        let cause = view
            .standing
            .as_ref()
            .and_then(|standing| standing.cause.clone());
        let cause = cause.unwrap_or_else(|| "its execution left no cause".to_owned());
        return Err(Error::Absent(format!(
            "the release ended before a promotion did: {cause}"
        )));
    };
    output.answer(&timeline, |style| {
        render::release_timeline(&timeline, style)
    })?;
    Ok(Exit::of(outcome))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::samples::release_view;

    #[test]
    fn a_version_that_names_another_bundle_is_refused_before_anything_is_uploaded() {
        let folder = std::env::temp_dir().join(format!("sluice-release-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("api")).expect("a folder");
        std::fs::write(folder.join("api/app.py"), "x").expect("a file");
        let template = json!({"application": "shop", "version": "1.1.0", "commit": "a".repeat(40),
            "author": {"name": "Ada", "email": "ada@example.com"}, "functions": {"api": {"zip": "api"}}});
        std::fs::write(folder.join("release.json"), template.to_string()).expect("a file");
        let bundle = Bundle::open(&folder, &crate::pack::Given::default()).expect("packed");
        std::fs::remove_dir_all(&folder).expect("removed");

        let mut attempt = release_view(&["prod"]).release;
        let error = check_digest(&bundle, std::slice::from_ref(&attempt)).expect_err("refused");
        assert_eq!(error.exit(), Exit::Refused);
        attempt.bundle.digest = bundle.digest();
        check_digest(&bundle, &[attempt]).expect("the same bundle again");
    }
}

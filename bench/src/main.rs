//! The judge benchmark: `bench-judge [--seed N] [--runs N] [--out FOLDER]`.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use sluice_bench::experiment::{self, Plan};
use sluice_bench::report::{Report, plot, table};
use sluice_bench::{cells, contenders, sluice};

const USAGE: &str = "usage: bench-judge [--seed N] [--runs N] [--out FOLDER]";

/// What is asked for on the command line.
struct Options {
    plan: Plan,
    out: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{option} is `{found}`; expected {expected}\n{USAGE}")]
    Option {
        option: String,
        found: String,
        expected: &'static str,
    },
    #[error("Sluice's default settings can't be read: {0}; is there a field without a default?")]
    Settings(#[source] serde_json::Error),
    #[error("the report can't be written as JSON: {0}")]
    Json(#[source] serde_json::Error),
    #[error("{} can't be written: {error}; name another folder with --out", path.display())]
    Write { path: PathBuf, error: io::Error },
}

fn main() -> ExitCode {
    match bench(env::args().skip(1)) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench-judge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: impl Iterator<Item = String>) -> Result<String, Error> {
    let options = options(arguments)?;
    let settings = sluice::default_settings().map_err(Error::Settings)?;
    let contenders = contenders::all(&settings);
    let played = experiment::run(options.plan, &cells::all(), &contenders);
    let report = Report::of(options.plan, &contenders, &played);
    let json = serde_json::to_string_pretty(&report).map_err(Error::Json)?;
    let mut text = table(&report);
    for (name, content) in [("judge.json", json), ("judge.svg", plot(&report))] {
        let path = options.out.join(name);
        fs::create_dir_all(&options.out)
            .and_then(|()| fs::write(&path, content))
            .map_err(|error| Error::Write {
                path: path.clone(),
                error,
            })?;
        text.push_str(&format!("wrote {}\n", path.display()));
    }
    Ok(text)
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, Error> {
    let mut options = Options {
        plan: Plan {
            seed: 42,
            runs: 100,
        },
        out: PathBuf::from("target/bench"),
    };
    while let Some(option) = arguments.next() {
        let found = arguments.next().unwrap_or_default();
        match option.as_str() {
            "--seed" => options.plan.seed = number(&option, found)?,
            "--runs" => options.plan.runs = number(&option, found)?,
            "--out" => options.out = PathBuf::from(found),
            _ => {
                return Err(Error::Option {
                    option: "an argument".to_owned(),
                    found: option,
                    expected: "--seed, --runs or --out",
                });
            }
        }
    }
    Ok(options)
}

fn number(option: &str, found: String) -> Result<u64, Error> {
    found.parse().map_err(|_| Error::Option {
        option: option.to_owned(),
        found,
        expected: "a whole number",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options, Error> {
        options(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn seed_runs_and_folder_can_be_chosen() {
        let options = parsed(&["--seed", "7", "--runs", "3", "--out", "here"]).expect("options");
        assert_eq!(options.plan, Plan { seed: 7, runs: 3 });
        assert_eq!(options.out, PathBuf::from("here"));
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_option() {
        let message = parsed(&["--runs", "many"])
            .err()
            .map(|error| error.to_string());
        let message = message.unwrap_or_default();
        assert!(
            message.starts_with("--runs is `many`; expected a whole number"),
            "{message}"
        );
    }

    #[test]
    fn unknown_arguments_are_refused() {
        assert!(parsed(&["--speed", "7"]).is_err());
    }
}

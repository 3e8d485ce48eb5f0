use super::*;
use crate::timeline::samples::{at, prod_entries, record, release_view};

fn job(name: &str) -> Job {
    let folder = std::env::temp_dir().join(format!("sluice-github-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    Job {
        summary: folder.join("summary.md"),
        output: folder.join("outputs"),
    }
}

fn written(path: &Path) -> String {
    std::fs::read_to_string(path).expect("written")
}

fn timeline(outcome: Outcome, reason: &str) -> ReleaseTimeline {
    let mut record = record("prod", Some(outcome), prod_entries());
    record.promotion.reason = Some(reason.to_owned());
    let promotion = Timeline::of(&record, None, at(600));
    ReleaseTimeline {
        outcome: Some(outcome),
        ..ReleaseTimeline::of(&release_view(&["prod"]), None, vec![promotion])
    }
}

#[test]
fn outputs_are_one_line_each_whatever_is_in_them() {
    let job = job("outputs");
    job.set(&[
        ("version", "1.0.0\noutcome=Promoted"),
        ("outcome", "RolledBack"),
    ])
    .expect("written");
    assert_eq!(
        written(&job.output),
        "version=1.0.0 outcome=Promoted\noutcome=RolledBack\n"
    );
}

#[test]
fn a_page_has_a_row_for_each_promotion_and_outputs_tell_how_it_ended() {
    let job = job("page");
    let output = Output::detect(true);
    job.tell(&output, &timeline(Outcome::Promoted, ""))
        .expect("written");
    let page = written(&job.summary);
    assert!(page.starts_with("### shop 1.1.0: Promoted\n"), "{page}");
    assert!(
        page.contains("| prod | Promoted | 1 min 00 s | 10 % pass, 100 % pass |"),
        "{page}"
    );
    assert!(written(&job.output).contains("outcome=Promoted\n"));
}

#[test]
fn what_others_wrote_shows_on_the_page_as_it_is_written() {
    let page = summary(&timeline(
        Outcome::RolledBack,
        "x | y <img src=a>\n# heading [a](https://example.com) `c`",
    ));
    let row = page.lines().find(|line| line.contains("RolledBack |"));
    let row = row.expect("the promotion's row");
    assert!(
        row.contains(r"x \| y \<img src\=a\> \# heading \[a\]\(https://example.com\) \`c\`"),
        "{row}"
    );
}

#[test]
fn the_first_promotion_that_did_not_promote_is_what_an_annotation_tells() {
    let missed = missed(&timeline(Outcome::RolledBack, "checkout failed"));
    assert_eq!(
        missed.as_deref(),
        Some("shop/prod/1.1.0/1: RolledBack: checkout failed")
    );
    assert_eq!(super::missed(&timeline(Outcome::Promoted, "")), None);
}

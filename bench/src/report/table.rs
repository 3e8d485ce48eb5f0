//! The report as text.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::contenders::SLUICE;
use crate::report::Report;
use crate::standings::{Standing, Win};
use crate::summary::Summary;

/// The whole report, for a terminal.
#[must_use]
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    let out = &mut text;
    line(
        out,
        &format!(
            "seed {}, {} runs of a harmful cell, {} of one without harm; metrics arrive {} s late",
            report.seed, report.runs, report.calm_runs, report.lag_seconds
        ),
    );
    line(out, "");
    standings(out, &report.judges);
    exposures(out, &report.judges);
    baselines(out, report);
    detection(out, report);
    line(out, "goals");
    for goal in &report.comparison.goals {
        let met = if goal.met { "met    " } else { "NOT MET" };
        line(out, &format!("  {met}  {}: {}", goal.goal, goal.found));
    }
    line(out, "");
    head_to_head(out, report);
    let wins = &report.comparison.peers_better;
    better(out, SLUICE, wins);
    text
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn standings(out: &mut String, judges: &[Standing]) {
    line(
        out,
        &format!(
            "{:<22} {:>6} {:>8} {:>8} {:>8} {:>9} {:>8} {:>8} {:>12} {:>9} {:>9}",
            "judge",
            "counts",
            "calm",
            "worst",
            "bad min",
            "undecided",
            "worst",
            "missed",
            "failed",
            "exposure",
            "release"
        ),
    );
    for judge in judges {
        line(
            out,
            &format!(
                "{:<22} {:>6} {:>7.2}% {:>7.1}% {:>7.1}% {:>8.2}% {:>7.1}% {:>7.1}% {:>12.0} {:>7.0} s {:>9}",
                judge.judge,
                if judge.counts { "yes" } else { "no" },
                judge.calm_false_share * 100.0,
                judge.worst_calm.map_or(0.0, |worst| worst.share) * 100.0,
                judge.bad_minute_false_share * 100.0,
                judge.calm_undecided_share * 100.0,
                judge.worst_undecided.map_or(0.0, |worst| worst.share) * 100.0,
                judge.missed_share * 100.0,
                judge.failed_requests,
                judge.full_exposure_seconds,
                judge
                    .good_release_seconds
                    .map_or("never".to_owned(), |s| format!("{s:.0} s")),
            ),
        );
    }
    for explanation in [
        "calm: harm found in all cells without any; worst: in the worst of them",
        "bad min: false rollbacks where one minute was bad for both versions",
        "undecided: good releases that went back for want of data; worst: in the worst calm cell",
        "missed: harm that stayed; failed: requests failed by it, over all harmful cells (missed: as in 2 h)",
        "exposure: seconds that all traffic would have had to spend on it to fail as many",
        "release: how long a good release takes",
    ] {
        line(out, &format!("  {explanation}"));
    }
    line(out, "");
}

fn exposures(out: &mut String, judges: &[Standing]) {
    let Some(first) = judges.first() else { return };
    line(out, "exposure in seconds, and missed, by harm");
    let mut heading = format!("{:<22}", "judge");
    for harm in &first.by_harm {
        let _ = write!(
            heading,
            " {:>13}",
            harm.harm.replace(" points", "").replace(" min", "")
        );
    }
    line(out, &heading);
    for judge in judges {
        let mut row = format!("{:<22}", judge.judge);
        for harm in &judge.by_harm {
            let value = format!(
                "{:.0} {:.0}%",
                harm.full_exposure_seconds,
                harm.missed_share * 100.0
            );
            let _ = write!(row, " {value:>13}");
        }
        line(out, &row);
    }
    line(out, "");
}

/// What an old version without any error does to a judge.
fn baselines(out: &mut String, report: &Report) {
    line(out, "by what the old version fails: nothing | something");
    let heading = format!("{:>14} {:>10} {:>10}", "false, calm", "missed", "exposure");
    line(out, &format!("{:<22} {heading} |{heading}", "judge"));
    for judge in &report.judges {
        let mut row = format!("{:<22}", judge.judge);
        for (part, separator) in judge.by_baseline.iter().zip([" |", ""]) {
            let (wrong, missed) = (part.calm_false_share, part.missed_share);
            let _ = write!(
                row,
                " {:>13.2}% {:>9.1}% {:>8.0} s{separator}",
                wrong * 100.0,
                missed * 100.0,
                part.full_exposure_seconds
            );
        }
        line(out, &row);
    }
    line(out, "");
}

/// Median seconds to detect two points, by rate and baseline.
fn detection(out: &mut String, report: &Report) {
    line(
        out,
        "+2 points, steady: median seconds to detect (missed), baseline 0.1 % and 2 %, by rate",
    );
    let of = |judge: &str, baseline: f64| {
        let is_meant = move |cell: &&Summary| {
            cell.harm == "+2 points" && cell.traffic == "steady" && cell.baseline_error == baseline
        };
        let cells = report.cells.iter().filter(is_meant);
        let judge = judge.to_owned();
        let cells = cells.filter(move |cell| cell.judge == judge);
        cells.map(|cell| {
            let p50 = cell
                .detect_seconds
                .map_or("never".to_owned(), |spread| format!("{:.0}", spread.p50));
            format!(
                "{p50} ({:.0}%)",
                100.0 * cell.missed as f64 / cell.runs.max(1) as f64
            )
        })
    };
    for baseline in [0.001, 0.02] {
        for judge in &report.judges {
            let mut row = format!("{:<22} {:>4.1}%", judge.judge, baseline * 100.0);
            for value in of(judge.judge, baseline) {
                let _ = write!(row, " {value:>13}");
            }
            line(out, &row);
        }
    }
    line(out, "");
}

fn head_to_head(out: &mut String, report: &Report) {
    line(
        out,
        "cells where Sluice is better / nobody / the peer, by more than noise",
    );
    for peers in report
        .comparison
        .head_to_head
        .chunk_by(|a, b| a.peer == b.peer)
    {
        let mut row = format!("{:<22}", peers[0].peer);
        for head in peers {
            let value = format!("{}/{}/{}", head.sluice_better, head.level, head.peer_better);
            let _ = write!(row, " {} {value:<12}", head.measure.name());
        }
        line(out, &row);
    }
    line(out, "");
}

/// Where peers that count are better: a line for each peer, measure and harm.
fn better(out: &mut String, than: &str, wins: &[Win]) {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&Win>> = BTreeMap::new();
    for win in wins.iter().filter(|win| win.counts) {
        let key = (win.peer, win.difference.measure.name(), win.cell.harm);
        groups.entry(key).or_default().push(win);
    }
    line(
        out,
        &format!(
            "where a peer that counts is better than {than}: in how many cells, and there\n{than}'s value and the peer's"
        ),
    );
    if groups.is_empty() {
        line(out, "  nowhere");
    }
    for ((peer, measure, harm), wins) in groups {
        let shown: Vec<String> = wins.iter().map(|win| shown(win)).collect();
        line(
            out,
            &format!(
                "  {peer}, {measure}, {harm} ({}): {}",
                wins.len(),
                shown.join("; ")
            ),
        );
    }
    line(out, "");
}

fn shown(win: &Win) -> String {
    let (cell, difference) = (&win.cell, &win.difference);
    let value = |value: f64| {
        if value < 10.0 {
            format!("{value:.2}")
        } else {
            format!("{value:.0}")
        }
    };
    format!(
        "{} {}/s {}% ({}, {})",
        cell.traffic,
        cell.rate_per_second,
        cell.baseline_error * 100.0,
        value(difference.sluice_value),
        value(difference.peer_value)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::report;

    #[test]
    fn the_table_names_every_judge_every_goal_and_where_peers_win() {
        let report = report();
        let text = table(&report);
        assert!(report.judges.iter().all(|judge| text.contains(judge.judge)));
        assert!(
            report
                .comparison
                .goals
                .iter()
                .all(|goal| text.contains(&goal.found))
        );
        assert!(
            text.contains("+0.5 points (1): steady 20/s 0.5% ("),
            "{text}"
        );
    }
}

//! The report as a picture: bars for each judge, and lines over the rate.

use std::fmt::Write;

use crate::report::Report;
use crate::standings::Standing;
use crate::stream::UNNOTICED;
use crate::summary::Summary;

const WIDTH: f64 = 980.0;
const ROW: f64 = 20.0;
const NAMES: f64 = 170.0;
const COLUMN: f64 = 200.0;
const BAR: f64 = 125.0;
const TOP: f64 = 70.0;
const LINES: f64 = 320.0;

const OURS: &str = "#0b6e4f";
const COUNTING: &str = "#5b7db1";
const OTHERS: &str = "#c9c9c9";

/// A column of bars.
struct Column {
    title: &'static str,
    value: fn(&Standing) -> f64,
    show: fn(f64) -> String,
    /// Where the scale ends.
    most: f64,
}

const COLUMNS: [Column; 4] = [
    Column {
        title: "false rollbacks, worst calm cell",
        value: |judge| judge.worst_calm.map_or(0.0, |worst| worst.share),
        show: |share| format!("{:.1} %", share * 100.0),
        most: 1.0,
    },
    Column {
        title: "undecided, worst calm cell",
        value: |judge| judge.worst_undecided.map_or(0.0, |worst| worst.share),
        show: |share| format!("{:.1} %", share * 100.0),
        most: 1.0,
    },
    Column {
        title: "harm that stayed",
        value: |judge| judge.missed_share,
        show: |share| format!("{:.1} %", share * 100.0),
        most: 1.0,
    },
    Column {
        title: "exposure, seconds of all traffic",
        value: |judge| judge.full_exposure_seconds,
        show: |seconds| format!("{seconds:.0} s"),
        most: UNNOTICED as f64,
    },
];

/// The picture, as a complete document.
#[must_use]
pub fn plot(report: &Report) -> String {
    let bars = TOP + ROW * report.judges.len() as f64;
    let height = bars + 70.0 + LINES + 50.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(
        &mut svg,
        10.0,
        24.0,
        "start",
        "Sluice's judge beside its peers, on the same calls",
    );
    legend(&mut svg);
    for (index, column) in COLUMNS.iter().enumerate() {
        let left = NAMES + 20.0 + COLUMN * index as f64;
        text(&mut svg, left, TOP - 8.0, "start", column.title);
        for (row, judge) in report.judges.iter().enumerate() {
            bar(&mut svg, column, left, TOP + ROW * row as f64, judge);
        }
    }
    for (row, judge) in report.judges.iter().enumerate() {
        text(
            &mut svg,
            NAMES + 10.0,
            TOP + ROW * row as f64 + 14.0,
            "end",
            judge.judge,
        );
    }
    lines(&mut svg, report, bars + 60.0);
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String) {
    let entries = [
        (OURS, "Sluice"),
        (COUNTING, "counts"),
        (OTHERS, "does not count"),
    ];
    for (index, (color, name)) in entries.into_iter().enumerate() {
        let left = 560.0 + 110.0 * index as f64;
        rectangle(svg, left, 14.0, 12.0, 12.0, color);
        text(svg, left + 18.0, 24.0, "start", name);
    }
}

fn bar(svg: &mut String, column: &Column, left: f64, top: f64, judge: &Standing) {
    let value = (column.value)(judge);
    let width = ((value / column.most).clamp(0.0, 1.0) * BAR).max(1.0);
    rectangle(svg, left, top + 3.0, width, ROW - 6.0, color(judge));
    text(
        svg,
        left + width + 5.0,
        top + 14.0,
        "start",
        &(column.show)(value),
    );
}

fn color(judge: &Standing) -> &'static str {
    match (judge.is_peer, judge.counts) {
        (false, _) => OURS,
        (true, true) => COUNTING,
        (true, false) => OTHERS,
    }
}

/// Failed requests of two more points of errors, over the rate.
fn lines(svg: &mut String, report: &Report, top: f64) {
    let title = "requests failed by +2 points before traffic was back (median; steady, baseline 0.5 %), by calls a second";
    text(svg, 10.0, top - 14.0, "start", title);
    let (left, right) = (60.0, WIDTH - 190.0);
    let x = |rate: f64| left + (right - left) * (rate / 0.2).ln() / (500.0_f64 / 0.2).ln();
    let y = |failed: f64| top + LINES * (1.0 - failed.max(1.0).ln() / 200_000.0_f64.ln());
    for failed in [1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0] {
        rectangle(svg, left, y(failed), right - left, 0.5, "#e4e4e4");
        text(
            svg,
            left - 6.0,
            y(failed) + 4.0,
            "end",
            &format!("{failed:.0}"),
        );
    }
    for rate in [0.2, 1.0, 5.0, 20.0, 100.0, 500.0] {
        text(
            svg,
            x(rate),
            top + LINES + 34.0,
            "middle",
            &format!("{rate}"),
        );
    }
    let mut names = Vec::new();
    for judge in report.judges.iter().rev() {
        let points = points(report, judge.judge);
        let Some(&(rate, failed)) = points.last() else {
            continue;
        };
        let path: Vec<String> = points
            .iter()
            .map(|(rate, failed)| format!("{:.1},{:.1}", x(*rate), y(*failed)))
            .collect();
        let stroke = color(judge);
        let width = if judge.is_peer { 1.2 } else { 3.0 };
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"{width}\"/>",
            path.join(" ")
        );
        names.push((y(failed), x(rate), judge.judge));
    }
    for (top, left, name) in apart(names) {
        text(svg, left + 8.0, top + 4.0, "start", name);
    }
}

/// Moves names down until none covers another.
fn apart(mut names: Vec<(f64, f64, &str)>) -> Vec<(f64, f64, &str)> {
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut least = f64::NEG_INFINITY;
    for name in &mut names {
        name.0 = name.0.max(least);
        least = name.0 + 13.0;
    }
    names
}

fn points(report: &Report, judge: &str) -> Vec<(f64, f64)> {
    let is_meant = |cell: &&Summary| {
        cell.judge == judge
            && cell.harm == "+2 points"
            && cell.traffic == "steady"
            && cell.baseline_error == 0.005
    };
    let cells = report.cells.iter().filter(is_meant);
    cells
        .filter_map(|cell| Some((cell.rate_per_second, cell.failed_requests?.p50)))
        .collect()
}

fn rectangle(svg: &mut String, left: f64, top: f64, width: f64, height: f64, fill: &str) {
    let _ = writeln!(
        svg,
        "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"/>"
    );
}

fn text(svg: &mut String, left: f64, baseline: f64, anchor: &str, text: &str) {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{left:.1}\" y=\"{baseline:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::report;

    #[test]
    fn the_plot_is_one_document_with_a_bar_for_each_judge_in_each_column() {
        let report = report();
        let svg = plot(&report);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        let names = report
            .judges
            .iter()
            .filter(|judge| svg.contains(&format!(">{}<", judge.judge)));
        assert_eq!(names.count(), report.judges.len());
        assert!(svg.matches("<rect ").count() > COLUMNS.len() * report.judges.len());
    }

    #[test]
    fn names_at_the_same_height_move_apart() {
        let moved = apart(vec![(10.0, 0.0, "a"), (11.0, 0.0, "b"), (50.0, 0.0, "c")]);
        let heights: Vec<f64> = moved.iter().map(|name| name.0).collect();
        assert_eq!(heights, [10.0, 23.0, 50.0]);
    }
}

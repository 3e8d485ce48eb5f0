//! What a report says, in one line.

use sluice_domain::evidence::{Content, Reading};

pub(crate) fn told(reading: &Reading) -> String {
    match &reading.content {
        Content::Tests(tests) => format!(
            "{} passed, {} failed, {} errored, {} skipped, {} flaky",
            tests.passed, tests.failed, tests.errored, tests.skipped, tests.flaky
        ),
        Content::Coverage(coverage) => {
            let (lines, branches) = (coverage.lines, coverage.branches.unwrap_or_default());
            format!(
                "{} of {} lines, {} of {} branches",
                lines.covered, lines.total, branches.covered, branches.total
            )
        }
        Content::Findings(found) => {
            let each = found.findings.iter();
            let each =
                each.map(|one| format!("{} {} at {}", one.severity.name(), one.id, one.place));
            let each: Vec<String> = each.collect();
            format!("{}; {} suppressed", each.join(", "), found.suppressed)
        }
        Content::Sbom(sbom) => {
            let each = sbom.components.iter();
            let each = each.map(|one| format!("{} ({})", one.name, one.licences.join(", ")));
            each.collect::<Vec<_>>().join(", ")
        }
        Content::Provenance(statement) => format!(
            "{} subjects, built by {} from {}",
            statement.subjects.len(),
            statement.builder.clone().unwrap_or_default(),
            statement.source.clone().unwrap_or_default()
        ),
        Content::Reviews(reviews) => reviews.approved_by.join(", "),
    }
}

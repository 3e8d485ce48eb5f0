//! One report, as Sluice understood it.

use serde_json::{Value, json};
use sluice_domain::evidence::{Content, Counter, Reading, Severity};

use crate::paint::{Style, Table, Tone};

/// How many findings are listed for people.
const LISTED: usize = 20;

/// A report and the file that it stands in.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    /// The file's name.
    pub file: String,
    /// What it says.
    pub reading: Reading,
}

impl Inspected {
    /// As JSON: `{file, kind, format, tool, totals, findings_by_severity, reading}`.
    #[must_use]
    pub fn document(&self) -> Value {
        let totals: serde_json::Map<String, Value> = self
            .totals()
            .into_iter()
            .map(|(name, count)| (name.to_owned(), json!(count)))
            .collect();
        json!({
            "file": self.file,
            "kind": self.reading.kind(),
            "format": self.reading.format,
            "tool": self.reading.tools.first(),
            "totals": totals,
            "findings_by_severity": self.by_severity(),
            "reading": self.reading,
        })
    }

    /// For people.
    #[must_use]
    pub fn lines(&self, style: Style) -> Vec<String> {
        let reading = &self.reading;
        let tools = reading.tools.iter().map(|tool| match &tool.version {
            Some(version) => format!("{} {version}", tool.name),
            None => tool.name.clone(),
        });
        let tools: Vec<String> = tools.collect();
        let by = match tools.as_slice() {
            [] => String::new(),
            tools => format!(", by {}", tools.join(", ")),
        };
        let (kind, format) = (reading.kind().name(), reading.format.name());
        let mut lines = vec![format!("{}: {kind}, as {format}{by}", self.file)];
        if let Some(why) = &reading.idle {
            lines.push(style.paint(Tone::Doubt, &format!("  proves nothing: {why}")));
        }
        let mut table = Table::bare();
        for (name, count) in self.totals() {
            table.row(vec![
                (Tone::Faint, format!("  {name}")),
                (Tone::Plain, count.to_string()),
            ]);
        }
        lines.extend(table.lines(style));
        lines.extend(self.details(style));
        lines
    }

    /// What was counted, by name.
    fn totals(&self) -> Vec<(&'static str, u64)> {
        match &self.reading.content {
            Content::Tests(tests) => vec![
                ("passed", tests.passed),
                ("failed", tests.failed),
                ("errored", tests.errored),
                ("skipped", tests.skipped),
                ("flaky", tests.flaky),
            ],
            Content::Coverage(coverage) => {
                let branches = coverage.branches.unwrap_or_default();
                vec![
                    ("lines covered", coverage.lines.covered),
                    ("lines", coverage.lines.total),
                    ("branches covered", branches.covered),
                    ("branches", branches.total),
                ]
            }
            Content::Findings(found) => vec![
                ("findings", found.findings.len() as u64),
                ("suppressed", found.suppressed),
            ],
            Content::Sbom(sbom) => {
                let unknown = sbom.components.iter().filter(|one| one.licences.is_empty());
                vec![
                    ("components", sbom.components.len() as u64),
                    ("without a licence", unknown.count() as u64),
                ]
            }
            Content::Provenance(statement) => vec![("subjects", statement.subjects.len() as u64)],
            Content::Reviews(reviews) => vec![("approved by", reviews.approved_by.len() as u64)],
        }
    }

    fn by_severity(&self) -> Option<Value> {
        let Content::Findings(found) = &self.reading.content else {
            return None;
        };
        let counts = found.by_severity();
        let each = Severity::ALL.iter().map(|severity| {
            let count = counts.get(severity).copied().unwrap_or(0);
            (severity.name().to_owned(), json!(count))
        });
        Some(Value::Object(each.collect()))
    }

    fn details(&self, style: Style) -> Vec<String> {
        let named =
            |name: &str, value: &str| format!("  {} {value}", style.paint(Tone::Faint, name));
        match &self.reading.content {
            Content::Tests(tests) => {
                let broken = tests.broken.iter();
                broken
                    .map(|name| style.paint(Tone::Bad, &format!("  {name}")))
                    .collect()
            }
            Content::Coverage(coverage) => {
                let share = |name: &str, counter: Counter| {
                    let share = counter.percent()?;
                    Some(named(name, &format!("{share:.2} %")))
                };
                let lines = share("lines reached", coverage.lines);
                let branches = coverage
                    .branches
                    .and_then(|all| share("branches reached", all));
                lines.into_iter().chain(branches).collect()
            }
            Content::Findings(_) => self.findings(style),
            Content::Sbom(_) => Vec::new(),
            Content::Provenance(statement) => {
                let places = [
                    ("builder", statement.builder.clone()),
                    ("source", statement.source.clone()),
                    ("predicate", Some(statement.predicate_type.clone())),
                    ("signed by", Some(self.signers())),
                ];
                let told = places.into_iter();
                told.filter_map(|(name, place)| Some(named(name, &place?)))
                    .collect()
            }
            Content::Reviews(reviews) => vec![
                named("by", &reviews.approved_by.join(", ")),
                named("signed by", &self.signers()),
            ],
        }
    }

    /// Whose signatures hold, of the keys that were given.
    fn signers(&self) -> String {
        match self.reading.signed_by.as_slice() {
            [] => "none of the keys given".to_owned(),
            keys => keys.join(", "),
        }
    }

    fn findings(&self, style: Style) -> Vec<String> {
        let Content::Findings(found) = &self.reading.content else {
            return Vec::new();
        };
        let mut worst: Vec<_> = found.findings.iter().collect();
        worst.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
        let mut table = Table::bare();
        for one in worst.iter().take(LISTED) {
            table.row(vec![
                (tone(one.severity), format!("  {}", one.severity.name())),
                (Tone::Strong, one.id.clone()),
                (Tone::Plain, one.place.clone()),
                (Tone::Faint, one.title.clone()),
            ]);
        }
        let mut lines = table.lines(style);
        if let Some(more @ 1..) = worst.len().checked_sub(LISTED) {
            lines.push(format!("  and {more} more; `--json` has all of them"));
        }
        lines
    }
}

/// What a severity means.
fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Critical | Severity::High | Severity::Unknown => Tone::Bad,
        Severity::Medium => Tone::Doubt,
        Severity::Low | Severity::Info => Tone::Faint,
    }
}

#[cfg(test)]
mod tests {
    use sluice_domain::evidence::{Finding, Findings, Format, Tool};

    use super::*;

    #[test]
    fn findings_are_listed_from_the_worst_and_counted_by_severity() {
        let finding = |id: &str, severity| Finding {
            id: id.to_owned(),
            severity,
            place: "a 1.0".to_owned(),
            title: "bad".to_owned(),
        };
        let findings = vec![
            finding("B", Severity::Low),
            finding("A", Severity::Critical),
        ];
        let inspected = Inspected {
            file: "grype.json".to_owned(),
            reading: Reading {
                format: Format::Grype,
                tools: vec![Tool {
                    name: "grype".to_owned(),
                    version: Some("0.74".to_owned()),
                }],
                signed_by: Vec::new(),
                idle: None,
                content: Content::Findings(Findings {
                    findings,
                    suppressed: 3,
                }),
            },
        };
        assert_eq!(
            inspected.lines(Style::PLAIN),
            [
                "grype.json: findings, as grype, by grype 0.74",
                "  findings    2",
                "  suppressed  3",
                "  critical  A  a 1.0  bad",
                "  low       B  a 1.0  bad",
            ]
        );
        let document = inspected.document();
        assert_eq!(document["findings_by_severity"]["critical"], 1);
        assert_eq!(document["totals"]["suppressed"], 3);
        assert_eq!(document["kind"], "findings");
    }
}

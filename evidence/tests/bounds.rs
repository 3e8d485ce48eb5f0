//! How much memory reports take that are made to take much of it: each as long as a
//! report may be, and nothing but the shortest thing that is kept of its format.
//!
//! One test alone: the peak is the whole process's.

use std::fmt::Write as _;

use sluice_evidence::LONGEST;

/// What a function that reads reports has, less what it needs for itself, in KiB.
const MOST_MEMORY: u64 = 512 * 1024;

/// A format, what its report begins with, what it is filled with (the n-th of them), and
/// what it ends with.
type Hostile = (
    &'static str,
    String,
    fn(&mut String, usize) -> std::fmt::Result,
    &'static str,
);

fn hostile() -> Vec<Hostile> {
    let sarif = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"a"}},"results":[{}"#;
    let scored = format!(
        "{},{}",
        &sarif[..sarif.len() - 1],
        r#""properties":{"security-severity":[1"#
    );
    let scored = scored.replacen("[{,", "[{", 1);
    let npm = r#"{"auditReportVersion":2,"vulnerabilities":{"a":{"severity":""}"#;
    let cyclonedx = r#"{"bomFormat":"CycloneDX","components":[{"name":"","licenses":[{}"#;
    let dsse = r#"{"payloadType":"application/vnd.in-toto+json","payload":"","x":[1"#;
    let long = "a".repeat(1 << 20);
    vec![
        (
            "results",
            sarif.into(),
            |text, _| text.write_str(",{}"),
            "]}]}",
        ),
        ("scores", scored, |text, _| text.write_str(",1"), "]}}]}]}"),
        (
            "packages",
            npm.into(),
            |text, n| write!(text, r#","{n:x}":{{"severity":""}}"#),
            "}}",
        ),
        (
            "licences",
            cyclonedx.into(),
            |text, _| text.write_str(",{}"),
            "]}]}",
        ),
        (
            "envelopes",
            dsse.into(),
            |text, _| text.write_str(",1"),
            "]}",
        ),
        (
            "suites",
            "<testsuites>".into(),
            |text, _| text.write_str("<testsuite>"),
            "",
        ),
        (
            "attributes",
            "<testsuite".into(),
            |text, n| write!(text, " a{n:x}=''"),
            "/>",
        ),
        (
            "lines of a long name",
            format!("<coverage><class filename='{long}'/>"),
            |text, n| write!(text, "<line number='{n}' hits='1'/>"),
            "</coverage>",
        ),
        (
            "lines of a long name",
            format!("SF:{long}\n"),
            |text, n| writeln!(text, "DA:{n},1"),
            "end_of_record\n",
        ),
        (
            "branches",
            "SF:a\n".into(),
            |text, n| writeln!(text, "BRDA:{n:x},1"),
            "end_of_record\n",
        ),
        (
            "files",
            String::new(),
            |text, n| writeln!(text, "SF:{n:x}\nend_of_record"),
            "",
        ),
        (
            "ends",
            "1..1\n".into(),
            |text, _| text.write_str("Bail out!\n"),
            "",
        ),
    ]
}

/// The most memory that this process ever had, in KiB (`proc(5)`).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("the peak in KiB")
}

#[test]
fn no_report_takes_more_memory_than_its_reader_has() {
    for (name, mut text, fill, end) in hostile() {
        let mut n = 0;
        while text.len() + 200 < LONGEST {
            fill(&mut text, n).expect("text grows");
            n += 1;
        }
        text.push_str(end);
        let outcome = sluice_evidence::read(text.as_bytes(), None, &[]);
        let told = outcome.map_or_else(|error| error.to_string(), |_| "read".to_owned());
        drop(text);
        let peak = peak();
        assert!(peak < MOST_MEMORY, "{name}: {peak} KiB, and then: {told}");
    }
    let error = sluice_evidence::read(&vec![b' '; LONGEST + 1], None, &[]);
    assert!(error.is_err_and(|error| error.to_string().contains("at most")));
}

//! A draft as the document that people go on with: JSON with comments.

use std::fmt::Write as _;

use serde_json::json;

use super::{Draft, Function};

/// The document of a draft, in this file.
#[must_use]
pub fn page(draft: &Draft, file: &str) -> String {
    let Draft {
        application,
        environment,
        order,
        ..
    } = draft;
    let sections = [
        format!(
            "  \"schema\": 1,\n\n  // The place on the path: a release takes environments in ascending order.\n  \"order\": {order},\n"
        ),
        functions(draft),
        steps(draft).to_owned(),
        approval(draft).to_owned(),
        judge(draft),
        QUEUE.to_owned(),
    ];
    let sections: Vec<String> = sections.into_iter().filter(|one| !one.is_empty()).collect();
    format!(
        r#"// How releases of {application} enter {environment}: a draft from what this account holds.
// Read it, change it, and write it (comments stay behind):
//   sluice env check {application} {environment} --file {file}
//   sluice env put {application} {environment} {file}
// All fields: docs/settings.md
{{
{}}}
"#,
        sections.join("\n")
    )
}

const QUEUE: &str = r#"  // A promotion that finds its functions taken waits in line, first come first served.
  // Others: "supersede", "refuse".
  "queue": "wait"
"#;

fn functions(draft: &Draft) -> String {
    let last = draft.functions.len();
    let mut lines =
        "  // By the name that release.json uses: the Lambda function, and the alias that its\n  \
                     // callers use.\n  \"functions\": {\n"
            .to_owned();
    for (index, (name, function)) in draft.functions.iter().enumerate() {
        let alias = function.alias().map_or("live", |(alias, _)| alias);
        let entry = json!({ "name": function.name, "alias": alias });
        let comma = if index + 1 < last { "," } else { "" };
        // Writing to a String can't fail.
        let _ = writeln!(lines, "    // {}", about(function));
        if let Some(stack) = function.stack() {
            let _ = writeln!(
                lines,
                "    // Of stack {}: if its template has the alias, see docs/handover.md.",
                comment(stack)
            );
        }
        let _ = writeln!(lines, "    {}: {entry}{comma}", json!(name));
    }
    lines.push_str("  },\n");
    lines
}

/// What the account says of a function.
fn about(function: &Function) -> String {
    let runtime = comment(&function.runtime);
    match function.alias() {
        Some((alias, version)) => {
            format!(
                "{runtime}; alias {} is on version {}",
                comment(alias),
                comment(version)
            )
        }
        None if function.aliases.is_empty() => {
            format!(
                "{runtime}; no alias yet: the first release creates `live`, and callers are to use it"
            )
        }
        None => {
            let names: Vec<&str> = function.aliases.keys().map(String::as_str).collect();
            format!(
                "{runtime}; has the aliases {}: name the one that callers use",
                comment(&names.join(", "))
            )
        }
    }
}

fn steps(draft: &Draft) -> &'static str {
    if draft.is_last {
        r#"  // The shift: 10 % for 10 minutes, 50 % for 10 minutes, 100 % for 30 minutes. A list of
  // steps, a shape or another preset ("careful", "quick", "Canary10Percent5Minutes") will do.
  // `sluice plan` says what they can find out at the traffic that there is.
  "steps": "standard",
"#
    } else {
        r#"  // All traffic at once, and nothing is judged: on the way to others smoke tests decide.
  "steps": [{"weight": 100, "bake_seconds": 0}],
"#
    }
}

fn approval(draft: &Draft) -> &'static str {
    if draft.is_last {
        r#"  // Who must say yes before anything moves. Each has a code of their own in Parameter
  // Store. As it stands nobody is asked.
  // "approval": {"approvers": [
  //   {"name": "ada", "email": "ada@example.com", "totp_parameter": "/sluice-approvers/ada"}
  // ]},
"#
    } else {
        ""
    }
}

fn judge(draft: &Draft) -> String {
    let mut alarms: Vec<&String> = draft
        .functions
        .values()
        .flat_map(|one| &one.alarms)
        .collect();
    alarms.sort();
    alarms.dedup();
    if alarms.is_empty() || !draft.is_last {
        return String::new();
    }
    let alarms: Vec<String> = alarms
        .iter()
        .map(|alarm| format!("      {}", json!({ "name": alarm })))
        .collect();
    format!(
        "  // One of these in ALARM while traffic moves takes the release back.\n  \
         \"judge\": {{\n    \"alarms\": [\n{}\n    ]\n  }},\n",
        alarms.join(",\n")
    )
}

/// Text of others in a comment: in one line, and without an end of it.
fn comment(text: &str) -> String {
    sluice_domain::text::one_line(text)
}

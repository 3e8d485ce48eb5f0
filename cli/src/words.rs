//! Numbers in the words that forecasts and replays share.

use sluice_domain::settings::{Step, Then};

/// A time without the units that are nothing: `90 s`, `10 min`, `2 h 10 min`, `3 days`.
#[must_use]
pub fn span(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let parts = |large: u64, name: &str, small: u64, rest: &str| {
        let (whole, part) = (seconds / large, seconds % large / small);
        if part == 0 {
            format!("{whole} {name}")
        } else {
            format!("{whole} {name} {part} {rest}")
        }
    };
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => parts(MINUTE, "min", 1, "s"),
        HOUR..DAY => parts(HOUR, "h", MINUTE, "min"),
        _ if seconds / DAY == 1 => parts(DAY, "day", HOUR, "h"),
        _ => parts(DAY, "days", HOUR, "h"),
    }
}

/// A step: `10 % for 10 min and 500 invocations, then a person's go`.
#[must_use]
pub fn step(step: &Step) -> String {
    let mut said = match step.bake_seconds {
        0 => format!("{} %, not watched", step.weight),
        seconds => format!("{} % for {}", step.weight, span(seconds)),
    };
    if let Some(least) = step.min_invocations {
        said.push_str(&format!(" and {least} invocations"));
    }
    match step.then {
        Some(Then::Pause) => said.push_str(", then a person's go"),
        Some(Then::Approval) => said.push_str(", then an approval"),
        None => {}
    }
    said
}

/// A share as percent, with two digits that say something.
#[must_use]
pub fn percent(share: f64) -> String {
    let decimals = if share > 0.0 && share < 0.001 { 3 } else { 2 };
    format!("{:.decimals$} %", share * 100.0)
}

/// A number of calls, or of calls a minute.
#[must_use]
pub fn calls(calls: f64) -> String {
    if calls >= 10.0 || calls == 0.0 {
        format!("{calls:.0}")
    } else {
        format!("{calls:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_leave_out_what_is_nothing() {
        let spans = [5, 60, 90, 600, 3600, 7800, 86_400, 200_000];
        assert_eq!(
            spans.map(span),
            [
                "5 s",
                "1 min",
                "1 min 30 s",
                "10 min",
                "1 h",
                "2 h 10 min",
                "1 day",
                "2 days 7 h"
            ]
        );
    }

    #[test]
    fn small_numbers_keep_digits_that_say_something() {
        assert_eq!(
            [0.0, 0.0005, 0.0123, 1.0].map(percent),
            ["0.00 %", "0.050 %", "1.23 %", "100.00 %"]
        );
        assert_eq!(
            [0.0, 0.25, 9.96, 40.4].map(calls),
            ["0", "0.2", "10.0", "40"]
        );
    }

    #[test]
    fn a_step_says_its_weight_and_its_bake() {
        let of = |weight, bake_seconds| step(&Step::new(weight, bake_seconds));
        assert_eq!(of(10.0, 600), "10 % for 10 min");
        assert_eq!(of(0.5, 0), "0.5 %, not watched");
        let with_terms = Step {
            min_invocations: Some(500),
            then: Some(Then::Pause),
            ..Step::new(10.0, 600)
        };
        assert_eq!(
            step(&with_terms),
            "10 % for 10 min and 500 invocations, then a person's go"
        );
    }
}

//! Whether a release could start now: what windows and guards say at this moment.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sluice_domain::guards::{Checked, State};
use sluice_domain::settings::Settings;
use sluice_domain::windows::{Calendar, Standing};

use crate::finding::Finding;
use crate::paint::{Style, Tone};

/// What windows and guards say.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outlook {
    /// What windows say. None: there are none.
    pub windows: Option<Standing>,
    /// What guards say.
    pub guards: Vec<Checked>,
}

impl Outlook {
    /// Puts together what guards said and what windows say of a rollout that takes so long.
    #[must_use]
    pub fn of(
        settings: &Settings,
        guards: Vec<Checked>,
        takes: SignedDuration,
        now: Timestamp,
    ) -> Self {
        // Windows that can't be read were refused with their settings.
        let calendar = Calendar::read(&settings.windows).ok();
        let calendar = calendar.filter(|_| !settings.windows.is_empty());
        Self {
            windows: calendar.map(|calendar| calendar.standing(now, takes)),
            guards,
        }
    }

    /// What would keep a release out.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let stops = self
            .guards
            .iter()
            .filter(|checked| matches!(checked.state, State::Stops | State::Missing));
        let found = stops.map(|checked| {
            let mend = "release when that is over; `guards` in the settings asks for it";
            Finding::problem("guards", checked.found.clone(), mend)
        });
        found.collect()
    }

    /// For people: what is known and stops nothing. What does is a finding.
    #[must_use]
    pub fn lines(&self, style: Style) -> Vec<String> {
        let windows = self.windows.iter().map(|standing| match standing {
            Standing::Open { until: None } => "a rollout may start now".to_owned(),
            Standing::Open { until: Some(until) } => {
                format!("a rollout may start now; the time for that ends at {until}")
            }
            Standing::Closed(not_yet) => {
                let starts = match not_yet.not_before {
                    Some(time) => format!("a rollout may start at {time}"),
                    None => "no time is known at which a rollout may start".to_owned(),
                };
                style.paint(Tone::Doubt, &format!("{starts}: {}", not_yet.why))
            }
        });
        let guards = self
            .guards
            .iter()
            .filter(|checked| !matches!(checked.state, State::Stops | State::Missing));
        windows
            .chain(guards.map(|checked| format!("guard: {checked}")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_domain::document::Document as _;
    use sluice_domain::guards::{alarm, incident};
    use sluice_domain::judge::AlarmState;

    use super::*;

    fn settings(windows: serde_json::Value) -> Settings {
        let document = json!({
            "schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}}, "windows": windows,
        });
        Settings::parse("settings", document.to_string().as_bytes()).expect("valid")
    }

    fn outlook(windows: serde_json::Value, guards: Vec<Checked>) -> Outlook {
        let now = "2026-12-04T12:00:00Z".parse().expect("a time");
        Outlook::of(&settings(windows), guards, SignedDuration::ZERO, now)
    }

    #[test]
    fn without_windows_and_guards_there_is_nothing_to_say() {
        let nothing = outlook(json!([]), vec![]);
        assert_eq!(nothing, Outlook::default());
        assert!(nothing.lines(Style::PLAIN).is_empty());
    }

    #[test]
    fn a_freeze_is_shown_with_its_end() {
        let freeze = json!([{"kind": "freeze", "starts": "2026-12-04T00:00", "lasts": "P1D", "time_zone": "UTC",
            "reason": "fair"}]);
        let lines = outlook(freeze, vec![]).lines(Style::PLAIN);
        assert_eq!(
            lines,
            ["a rollout may start at 2026-12-05T00:00:00Z: freeze: fair"]
        );
    }

    #[test]
    fn guards_are_shown_with_what_they_say_and_those_that_stop_are_problems() {
        let guards = vec![
            incident("/sluice-incidents/shop", Some("payments are down")),
            alarm("orders", Some(AlarmState::InsufficientData)),
        ];
        let outlook = outlook(json!([]), guards);
        assert_eq!(
            outlook.lines(Style::PLAIN),
            ["guard: alarm orders has too little data to tell (unknown)"]
        );
        let findings = outlook.findings();
        assert_eq!(findings.len(), 1);
        assert!(
            findings[0].message.contains("payments are down"),
            "{findings:?}"
        );
    }
}

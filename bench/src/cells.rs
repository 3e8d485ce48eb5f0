//! What is simulated: traffic, the old version's errors, and what the new
//! version does worse.

use crate::latency::{SLOW_MS, slower};

/// How calls arrive over time. All have the stated rate on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// At one rate.
    Steady,
    /// In a daily wave of 80 % up and down; each run begins at another hour.
    Diurnal,
    /// Half the rate, with bursts of eleven times that, half a minute long on
    /// average, in a tenth of the time.
    Bursty,
}

impl Traffic {
    /// Its name in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Diurnal => "diurnal",
            Self::Bursty => "bursty",
        }
    }
}

/// What the new version does worse, and what happens to both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Harm {
    /// Its name in the report.
    pub name: &'static str,
    /// Calls that fail on top of the old version's share.
    pub errors: f64,
    /// How many times as long a call takes.
    pub latency: f64,
    /// When it begins, in seconds after the rollout.
    pub onset: u64,
    /// Whether the second full minute of the rollout is bad for both versions.
    pub bad_minute: bool,
}

/// No harm: who rolls back is wrong.
const NONE: Harm = Harm {
    name: "none",
    errors: 0.0,
    latency: 1.0,
    onset: 0,
    bad_minute: false,
};

/// The share of calls that fail for both versions in a bad minute, on top of the
/// old version's share.
pub const BAD_MINUTE_ERRORS: f64 = 0.3;

/// Everything that new versions do here.
pub const HARMS: [Harm; 9] = [
    NONE,
    Harm {
        name: "bad minute for both",
        bad_minute: true,
        ..NONE
    },
    Harm {
        name: "+0.5 points",
        errors: 0.005,
        ..NONE
    },
    Harm {
        name: "+2 points",
        errors: 0.02,
        ..NONE
    },
    Harm {
        name: "+10 points",
        errors: 0.1,
        ..NONE
    },
    Harm {
        name: "+2 points after 15 min",
        errors: 0.02,
        onset: 900,
        ..NONE
    },
    Harm {
        name: "+10 points after 15 min",
        errors: 0.1,
        onset: 900,
        ..NONE
    },
    Harm {
        name: "latency x1.5",
        latency: 1.5,
        ..NONE
    },
    Harm {
        name: "latency x3",
        latency: 3.0,
        ..NONE
    },
];

impl Harm {
    /// Whether the new version is worse.
    #[must_use]
    pub fn is_harmful(&self) -> bool {
        self.errors > 0.0 || self.latency > 1.0
    }

    /// Whether nothing happens at all: a cell where a judge must not roll back.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        !self.is_harmful() && !self.bad_minute
    }

    /// The share of the new version's calls that it spoils: failed ones, and
    /// those slower than [`SLOW_MS`] that the old version would have answered
    /// in time.
    #[must_use]
    pub fn spoils(&self) -> f64 {
        self.errors + slower(SLOW_MS, self.latency) - slower(SLOW_MS, 1.0)
    }
}

/// One thing to simulate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// How calls arrive.
    pub traffic: Traffic,
    /// How many a second, on average.
    pub rate: f64,
    /// The share of the old version's calls that fail.
    pub baseline_error: f64,
    /// What the new version does worse.
    pub harm: Harm,
}

/// Traffic and rates. Low and high rates are steady; the other shapes stand at
/// two rates.
const STREAMS: [(Traffic, f64); 10] = [
    (Traffic::Steady, 0.2),
    (Traffic::Steady, 1.0),
    (Traffic::Steady, 5.0),
    (Traffic::Steady, 20.0),
    (Traffic::Steady, 100.0),
    (Traffic::Steady, 500.0),
    (Traffic::Diurnal, 5.0),
    (Traffic::Diurnal, 100.0),
    (Traffic::Bursty, 5.0),
    (Traffic::Bursty, 100.0),
];

/// What the old version fails of its calls.
const BASELINES: [f64; 4] = [0.0, 0.001, 0.005, 0.02];

/// All cells, in the order of the report.
#[must_use]
pub fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (traffic, rate) in STREAMS {
        for baseline_error in BASELINES {
            cells.extend(HARMS.map(|harm| Cell {
                traffic,
                rate,
                baseline_error,
                harm,
            }));
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_meets_every_baseline_and_every_harm() {
        let cells = all();
        assert_eq!(cells.len(), 10 * 4 * 9);
        let calm = cells.iter().filter(|cell| cell.harm.is_calm()).count();
        assert_eq!(calm, 40);
    }

    #[test]
    fn a_bad_minute_is_neither_harm_nor_calm() {
        let bad = HARMS[1];
        assert!(!bad.is_harmful() && !bad.is_calm());
    }

    #[test]
    fn what_is_spoiled_is_what_fails_or_becomes_slow() {
        assert_eq!(HARMS[0].spoils(), 0.0);
        assert!((HARMS[3].spoils() - 0.02).abs() < 1e-12);
        assert!((HARMS[7].spoils() - 0.0187).abs() < 1e-4);
    }
}

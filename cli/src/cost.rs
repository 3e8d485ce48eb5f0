//! What a release cost at AWS list prices, from what was counted of it.
//!
//! List prices of us-east-1, without free tier or discounts. What can't be
//! counted from execution histories and the ledger is named, not guessed.

use serde::Serialize;

/// Step Functions Standard, a state transition (aws.amazon.com/step-functions/pricing).
pub const STATE_TRANSITION: f64 = 25.0 / 1e6;
/// Lambda on arm64, a GB-second (aws.amazon.com/lambda/pricing).
pub const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
/// Lambda, a request (aws.amazon.com/lambda/pricing).
pub const LAMBDA_REQUEST: f64 = 0.20 / 1e6;
/// DynamoDB on demand, a write request unit (aws.amazon.com/dynamodb/pricing/on-demand).
pub const DYNAMODB_WRITE: f64 = 0.625 / 1e6;
/// DynamoDB on demand, a read request unit (aws.amazon.com/dynamodb/pricing/on-demand).
pub const DYNAMODB_READ: f64 = 0.125 / 1e6;
/// CloudWatch, a metric asked for with GetMetricData (aws.amazon.com/cloudwatch/pricing).
pub const METRIC: f64 = 0.01 / 1e3;

/// What the sum leaves out.
pub const NOT_COUNTED: &[&str] = &[
    "retries inside a state",
    "the state table",
    "compute of intake, record, notify, desk and watchdog",
    "S3, SNS, EventBridge, logs, custom metrics, traces and KMS",
    "the application's own invocations",
];

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Usage {
    /// States entered, in all executions.
    pub state_transitions: u64,
    /// Functions called by states, and `record` once for each ledger entry.
    pub lambda_requests: u64,
    /// Time between a state's call and the answer, times the function's memory:
    /// a little more than what is billed.
    pub lambda_gb_seconds: f64,
    /// Write request units of the ledger.
    pub write_units: u64,
    /// Read request units of the ledger: its head, once for each entry.
    pub read_units: u64,
    /// Metrics that the judge asked for.
    pub metrics: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.state_transitions += other.state_transitions;
        self.lambda_requests += other.lambda_requests;
        self.lambda_gb_seconds += other.lambda_gb_seconds;
        self.write_units += other.write_units;
        self.read_units += other.read_units;
        self.metrics += other.metrics;
    }
}

/// A sum with its parts, in US dollars.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// The sum.
    pub usd: f64,
    /// Step Functions.
    pub step_functions: f64,
    /// Lambda.
    pub lambda: f64,
    /// DynamoDB.
    pub dynamodb: f64,
    /// CloudWatch.
    pub cloudwatch: f64,
    /// What it was computed from.
    pub usage: Usage,
    /// What it leaves out.
    pub not_counted: &'static [&'static str],
}

impl Cost {
    /// The cost of this usage.
    #[must_use]
    pub fn of(usage: Usage) -> Self {
        let step_functions = usage.state_transitions as f64 * STATE_TRANSITION;
        let lambda = usage.lambda_requests as f64 * LAMBDA_REQUEST
            + usage.lambda_gb_seconds * LAMBDA_GB_SECOND;
        let dynamodb =
            usage.write_units as f64 * DYNAMODB_WRITE + usage.read_units as f64 * DYNAMODB_READ;
        let cloudwatch = usage.metrics as f64 * METRIC;
        let usd = step_functions + lambda + dynamodb + cloudwatch;
        Self {
            usd,
            step_functions,
            lambda,
            dynamodb,
            cloudwatch,
            usage,
            not_counted: NOT_COUNTED,
        }
    }
}

/// Write request units of one ledger entry of this many bytes: the entry and
/// its idempotency marker in one transaction, which counts twice, by the KB.
#[must_use]
pub fn ledger_write_units(bytes: usize) -> u64 {
    const MARKER: u64 = 1;
    2 * (bytes.div_ceil(1024).max(1) as u64 + MARKER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_transitions_cost_a_tenth_of_a_cent() {
        let cost = Cost::of(Usage {
            state_transitions: 40,
            ..Usage::default()
        });
        assert!((cost.usd - 0.001).abs() < 1e-12, "{cost:?}");
    }

    #[test]
    fn the_sum_is_the_sum_of_its_parts() {
        let usage = Usage {
            state_transitions: 4_000_000,
            lambda_requests: 5_000_000,
            lambda_gb_seconds: 1_000_000.0,
            write_units: 8_000_000,
            read_units: 8_000_000,
            metrics: 100_000,
        };
        let cost = Cost::of(usage);
        assert!((cost.step_functions - 100.0).abs() < 1e-9);
        assert!((cost.lambda - (1.0 + 13.3334)).abs() < 1e-9);
        assert!((cost.dynamodb - (5.0 + 1.0)).abs() < 1e-9);
        assert!((cost.cloudwatch - 1.0).abs() < 1e-9);
        assert!((cost.usd - 121.3334).abs() < 1e-9);
    }

    #[test]
    fn a_ledger_entry_is_written_in_a_transaction_by_the_kilobyte() {
        assert_eq!(ledger_write_units(1), 4);
        assert_eq!(ledger_write_units(1024), 4);
        assert_eq!(ledger_write_units(1025), 6);
    }
}

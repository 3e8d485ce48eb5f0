//! What every Sluice function shares: AWS clients, the Lambda loop with its
//! log format and error names, tasks that wait for a token, and typed access to
//! the state table, the ledger, settings, bundles, what Lambda says of functions, whose
//! aliases are, who calls, and the ways to people: topics and Slack.
//!
//! Environment variables: `SLUICE_STATE_TABLE` (feature `store`),
//! `SLUICE_RECORD_FUNCTION` (feature `ledger`), `SLUICE_TOPIC` (feature `people`),
//! `SLUICE_SEAL_KEY` (feature `seal`), `SLUICE_SLACK_PARAMETERS`, `SLUICE_SLACK_API`,
//! `SLUICE_SLACK_HOOKS` (feature `slack`), `SLUICE_LOG` (a `tracing_subscriber` filter,
//! default `info`); beside these the AWS SDK's own.
//!
//! What never lives here: a decision (that is `sluice_domain`), or anything
//! that one function alone needs.

#[cfg(feature = "function")]
pub mod aliases;
pub mod aws;
#[cfg(feature = "bundle")]
pub mod bundle;
#[cfg(feature = "call")]
pub mod call;
#[cfg(feature = "caller")]
pub mod caller;
#[cfg(feature = "cloudwatch")]
pub mod cloudwatch;
#[cfg(feature = "deployment-group")]
pub mod deployment_group;
mod entry;
pub mod fault;
#[cfg(feature = "function")]
pub mod function;
#[cfg(feature = "guards")]
pub mod guards;
pub mod lambda;
#[cfg(feature = "ledger")]
pub mod ledger;
#[cfg(feature = "owner")]
pub mod owner;
pub mod pace;
pub mod patience;
#[cfg(feature = "people")]
pub mod people;
#[cfg(feature = "seal")]
pub mod seal;
pub mod session;
#[cfg(feature = "settings")]
pub mod settings;
#[cfg(feature = "settings")]
pub mod settings_writer;
#[cfg(feature = "slack")]
pub mod slack;
#[cfg(feature = "store")]
pub mod store;
#[cfg(feature = "task")]
pub mod task;
#[cfg(feature = "totp")]
pub mod totp;
#[cfg(feature = "web")]
pub mod web;

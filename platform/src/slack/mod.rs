//! Slack: what shows that a request is Slack's own, and its Web API.
//!
//! Environment: `SLUICE_SLACK_PARAMETERS`, the path below which the parameters
//! `signing-secret` and `bot-token` of Slack's app are (SecureStrings); `SLUICE_SLACK_API`,
//! where the Web API is; `SLUICE_SLACK_HOOKS`, below which its webhooks are.
//!
//! A stack without these parameters has no Slack. They are read again every few minutes, so
//! that a new secret or token is used soon after it is set. A function reads those alone that
//! it says it wants ([`Wanted`]).

mod client;
mod secrets;
mod signature;
pub mod text;

pub use client::{Hook, NoHook, Slack, SlackError};
pub use secrets::{BotToken, Found, Secrets, Wanted};
pub use signature::{NoSecret, SigningSecret, Unsigned};

//! URLs through HTTPS.

use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::config::{ConfigBuilder, RedirectAuthHeaders};
use ureq::typestate::AgentScope;

use crate::{Answer, Fetch, Source};

/// The body of an answer has fewer bytes than this.
const BODY_LIMIT: u64 = 1024 * 1024;

/// Fetches https URLs.
pub struct Https(Agent);

impl Https {
    /// Builds the client once.
    #[must_use]
    pub fn new() -> Self {
        Self::with(config().https_only(true))
    }

    fn with(config: ConfigBuilder<AgentScope>) -> Self {
        Self(config.build().into())
    }
}

/// How URLs are fetched, whatever their scheme.
fn config() -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(5)
        .redirect_auth_headers(RedirectAuthHeaders::Never)
        .user_agent("sluice-smoke")
}

impl Default for Https {
    fn default() -> Self {
        Self::new()
    }
}

impl Fetch for Https {
    async fn fetch(&self, url: &str, within: Duration) -> Result<Answer, String> {
        let (agent, address) = (self.0.clone(), url.to_owned());
        let fetched = tokio::task::spawn_blocking(move || get(&agent, &address, within)).await;
        match fetched {
            Ok(answer) => answer
                .map_err(|error| format!("found no answer ({error}), expected one over https")),
            Err(error) => Err(format!(
                "found no answer ({error}), expected one over https"
            )),
        }
    }
}

/// Latency counts to the end of the body, as a caller sees it.
fn get(agent: &Agent, url: &str, within: Duration) -> Result<Answer, ureq::Error> {
    let started = Instant::now();
    let mut answer = agent
        .get(url)
        .config()
        .timeout_global(Some(within))
        .build()
        .call()?;
    let body = answer
        .body_mut()
        .with_config()
        .limit(BODY_LIMIT)
        .read_to_vec()?;
    let status = answer.status().as_u16();
    Ok(Answer {
        body,
        latency: started.elapsed(),
        source: Source::Url { status },
    })
}

#[cfg(test)]
#[path = "web_tests.rs"]
mod tests;

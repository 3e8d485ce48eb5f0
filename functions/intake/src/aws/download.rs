//! Downloads by a URL that AWS signed.

use std::time::Duration;

use ureq::{Agent, Error};

/// Downloads files that fit into memory.
pub(super) struct Downloads(Agent);

impl Downloads {
    /// Each within this time. A signed URL leads to the file itself: no redirect is
    /// followed.
    pub(super) fn new(within: Duration) -> Self {
        let config = Agent::config_builder()
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(within))
            .user_agent("sluice-intake");
        Self(config.build().into())
    }

    /// The file, which has at most so many bytes; or what was found instead. Never tells
    /// the URL.
    pub(super) async fn get(&self, url: &str, most: u64) -> Result<Vec<u8>, String> {
        let (agent, url) = (self.0.clone(), url.to_owned());
        let got = tokio::task::spawn_blocking(move || get(&agent, &url, most)).await;
        let got = got.map_err(|error| format!("found no answer ({error})"))?;
        got.map_err(|error| match error {
            Error::BodyExceedsLimit(_) => format!("found more than {most} bytes"),
            Error::StatusCode(status) => format!("found status {status}, expected 200"),
            // Their texts may hold the URL.
            Error::BadUri(_) | Error::RequireHttpsOnly(_) => {
                "found no URL that can be used".to_owned()
            }
            error => format!("found no answer ({error})"),
        })
    }
}

fn get(agent: &Agent, url: &str, most: u64) -> Result<Vec<u8>, Error> {
    let mut answer = agent.get(url).call()?;
    if answer.status() != 200 {
        return Err(Error::StatusCode(answer.status().as_u16()));
    }
    // The limit itself is refused.
    let body = answer.body_mut().with_config().limit(most + 1);
    body.read_to_vec()
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;

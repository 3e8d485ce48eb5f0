//! Calls of other people's APIs: JSON over HTTPS.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 256 * 1024;

/// What calls are made with, built once.
#[derive(Clone)]
pub struct Web {
    agent: Agent,
    within: Duration,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// HTTP's status.
    pub status: u16,
    /// The body.
    pub text: String,
}

impl Answered {
    /// Whether it may be another answer if it is asked again.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.status == 429 || self.status >= 500
    }
}

impl Web {
    /// Each call within this time. No redirect is followed, and no proxy asked.
    #[must_use]
    pub fn new(within: Duration) -> Self {
        let config = Agent::config_builder()
            .max_redirects(0)
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(within))
            .user_agent("sluice");
        Self {
            agent: config.build().into(),
            within,
        }
    }

    /// Posts a document, and answers with whatever came back.
    ///
    /// # Errors
    /// When nothing did, in words that tell no address: it may be a secret.
    pub async fn post(
        &self,
        url: String,
        headers: Vec<(&'static str, String)>,
        body: &Value,
    ) -> Result<Answered, String> {
        let agent = self.agent.clone();
        let body = body.to_string();
        let posted = tokio::task::spawn_blocking(move || {
            let kind = "application/json; charset=utf-8";
            let mut request = agent.post(&url).header("content-type", kind);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let mut answer = request.send(&body)?;
            let status = answer.status().as_u16();
            let text = answer.body_mut().with_config().limit(LONGEST);
            let text = text.read_to_string()?;
            Ok(Answered { status, text })
        });
        let posted = posted.await.map_err(|error| error.to_string())?;
        posted.map_err(|error: ureq::Error| match error {
            ureq::Error::Timeout(_) => format!("found no answer within {:?}", self.within),
            ureq::Error::BadUri(_) => "found no address that can be used".to_owned(),
            error => format!("found no answer ({error})"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_often_or_fails_may_pass_and_what_is_refused_does_not() {
        for (status, may_pass) in [
            (201, false),
            (403, false),
            (404, false),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let text = String::new();
            let answered = Answered { status, text };
            assert_eq!(answered.may_pass(), may_pass, "{status}");
        }
    }
}

//! Calls of other people's APIs: JSON over HTTPS.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::HeaderMap;

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
    /// Whether its headers ask to wait: `retry-after`, or nothing is left of a limit
    /// (`x-ratelimit-remaining`).
    pub asks_to_wait: bool,
}

impl Answered {
    /// Whether it may be another answer if it is asked again. Some tell limits of rates with
    /// the status of what is forbidden.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self.status {
            403 => self.asks_to_wait,
            status => status == 429 || status >= 500,
        }
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
            let asks_to_wait = asks_to_wait(answer.headers());
            let text = answer.body_mut().with_config().limit(LONGEST);
            let text = text.read_to_string()?;
            Ok(Answered {
                status,
                text,
                asks_to_wait,
            })
        });
        let posted = posted.await.map_err(|error| error.to_string())?;
        posted.map_err(|error: ureq::Error| match error {
            ureq::Error::Timeout(_) => format!("found no answer within {:?}", self.within),
            ureq::Error::BadUri(_) => "found no address that can be used".to_owned(),
            error => format!("found no answer ({error})"),
        })
    }
}

fn asks_to_wait(headers: &HeaderMap) -> bool {
    let left = headers.get("x-ratelimit-remaining");
    let is_used_up = left.is_some_and(|left| left.as_bytes() == b"0");
    headers.contains_key("retry-after") || is_used_up
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_forbidden_stays_so_unless_a_header_asks_to_wait() {
        for (status, asks_to_wait, may_pass) in [
            (201, true, false),
            (403, false, false),
            (403, true, true),
            (404, true, false),
            (429, false, true),
            (500, false, true),
        ] {
            let answered = Answered {
                status,
                text: String::new(),
                asks_to_wait,
            };
            assert_eq!(answered.may_pass(), may_pass, "{answered:?}");
        }
    }

    #[test]
    fn headers_ask_to_wait_for_a_time_or_where_nothing_is_left() {
        for (name, value, asks) in [
            ("retry-after", "60", true),
            ("x-ratelimit-remaining", "0", true),
            ("x-ratelimit-remaining", "10", false),
            ("x-ratelimit-limit", "0", false),
        ] {
            let headers = HeaderMap::from_iter([(
                name.parse().expect("a name"),
                HeaderValue::from_static(value),
            )]);
            assert_eq!(asks_to_wait(&headers), asks, "{name}: {value}");
        }
    }
}

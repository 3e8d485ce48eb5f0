//! HTTP as Function URLs speak it: what is read of a request, and the headers
//! that every answer carries.

use std::net::{IpAddr, Ipv6Addr};

use aws_lambda_events::event::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use aws_lambda_events::http::header::{self, HeaderName, HeaderValue};
use aws_lambda_events::http::{HeaderMap, Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Headers of every answer, whatever it is.
const HEADERS: [(HeaderName, &str); 9] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    // Not `no-referrer`: the page's own form would then send `Origin: null`.
    (header::REFERRER_POLICY, "same-origin"),
    (
        header::STRICT_TRANSPORT_SECURITY,
        "max-age=63072000; includeSubDomains",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// The bytes of a body, or why there are none.
pub(crate) enum Body {
    /// As they were sent.
    Bytes(Vec<u8>),
    /// Marked as base64, but not that.
    Garbled,
}

/// What is read of a request.
pub(crate) struct Incoming {
    /// Its method; one that HTTP doesn't know becomes OPTIONS, which is refused.
    pub(crate) method: Method,
    /// Its path, as sent.
    pub(crate) path: String,
    /// Its body.
    pub(crate) body: Body,
    /// Where it came from: the network of the sender's address, and no more of it.
    pub(crate) from: Option<String>,
    query: String,
    host: String,
    headers: HeaderMap,
    cookies: Vec<String>,
}

impl From<LambdaFunctionUrlRequest> for Incoming {
    fn from(request: LambdaFunctionUrlRequest) -> Self {
        let method = request.request_context.http.method.unwrap_or_default();
        let sent = request.body.unwrap_or_default();
        let body = if request.is_base64_encoded {
            STANDARD.decode(sent).map_or(Body::Garbled, Body::Bytes)
        } else {
            Body::Bytes(sent.into_bytes())
        };
        // Where they are no list of their own, they are in their header.
        let listed = request.cookies.filter(|cookies| !cookies.is_empty());
        let cookies = listed.unwrap_or_else(|| {
            let header = request.headers.get(header::COOKIE);
            let header = header
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            header
                .split(';')
                .map(|pair| pair.trim().to_owned())
                .collect()
        });
        Self {
            method: method.parse().unwrap_or(Method::OPTIONS),
            path: request.raw_path.unwrap_or_default(),
            body,
            from: (request.request_context.http.source_ip.as_deref()).and_then(network),
            query: request.raw_query_string.unwrap_or_default(),
            host: request.request_context.domain_name.unwrap_or_default(),
            headers: request.headers,
            cookies,
        }
    }
}

/// The network of an address: what may be kept of it for years.
fn network(address: &str) -> Option<String> {
    match address.parse().ok()? {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Some(format!("{a}.{b}.{c}.0/24"))
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Some(format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)))
        }
    }
}

impl Incoming {
    /// The request that the path names: `/r/` and 32 characters of base32.
    pub(crate) fn request_id(&self) -> Option<&str> {
        let id = self.path.strip_prefix("/r/")?;
        let is_base32 = id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        (id.len() == 32 && is_base32).then_some(id)
    }

    /// Whether this is where a stored vote leads to.
    pub(crate) fn was_done(&self) -> bool {
        self.query == "done" || self.query.starts_with("done=")
    }

    /// Whether a program asks.
    pub(crate) fn wants_json(&self) -> bool {
        self.header(&header::ACCEPT)
            .is_some_and(|accept| accept.contains("application/json"))
    }

    /// The way from this path to the root, so that links work under any prefix.
    pub(crate) fn to_root(&self) -> String {
        "../".repeat(self.path.matches('/').count().saturating_sub(1))
    }

    /// Whether the body is a form.
    pub(crate) fn is_form(&self) -> bool {
        let kind = self.header(&header::CONTENT_TYPE).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// Whether another site sent a browser here. Programs send neither header.
    pub(crate) fn is_cross_site(&self) -> bool {
        if let Some(site) = self.header(&HeaderName::from_static("sec-fetch-site")) {
            return site != "same-origin";
        }
        self.headers
            .get(header::ORIGIN)
            .is_some_and(|origin| origin.as_bytes() != format!("https://{}", self.host).as_bytes())
    }

    /// A cookie of this name, if there is exactly one.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.cookies.iter().filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(one, _)| one.trim() == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value.trim()),
            _ => None,
        }
    }

    /// A header, if it is there once or more and is text: the first.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An answer.
pub(crate) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: String,
    extra: Option<(HeaderName, String)>,
    cookie: Option<String>,
}

impl Answer {
    /// With this body.
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: String) -> Self {
        Self {
            status,
            content_type,
            body,
            extra: None,
            cookie: None,
        }
    }

    /// Sends a browser on to read what became of its POST. `target` is one of
    /// our own, relative: nothing from outside leads anywhere.
    pub(crate) fn see_other(target: &str) -> Self {
        Self::new(
            StatusCode::SEE_OTHER,
            "text/plain; charset=utf-8",
            String::new(),
        )
        .with(header::LOCATION, target)
    }

    /// With one more header.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.extra = Some((name, value.to_owned()));
        self
    }

    /// With a cookie that the browser keeps.
    pub(crate) fn with_cookie(mut self, cookie: &str) -> Self {
        self.cookie = Some(cookie.to_owned());
        self
    }

    /// As Lambda sends it. HEAD gets the headers alone.
    pub(crate) fn into_response(self, is_head: bool) -> LambdaFunctionUrlResponse {
        let mut headers = HeaderMap::new();
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        if let Some((name, value)) = self.extra
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            headers.insert(name, value);
        }
        let mut response = LambdaFunctionUrlResponse::default();
        response.status_code = self.status.as_u16().into();
        response.headers = headers;
        response.cookies = self.cookie.into_iter().collect();
        response.body = Some(if is_head { String::new() } else { self.body });
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_its_network_is_kept() {
        let kept = [
            ("203.0.113.77", Some("203.0.113.0/24")),
            ("2001:db8:1234:5678::9", Some("2001:db8:1234::/48")),
            ("somewhere", None),
        ];
        for (address, network_of) in kept {
            assert_eq!(network(address).as_deref(), network_of);
        }
    }
}

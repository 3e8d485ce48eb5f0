//! Reads an Invoke: which function, which qualifier, which kind of invocation.

use aws_sdk_lambda::types::{InvocationType, LogType};
use hyper::{Method, StatusCode, http::request::Parts};

const PREFIX: &str = "/2015-03-31/functions/";
const SUFFIX: &str = "/invocations";

/// What a caller asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Invoke {
    /// The function as the caller names it, without a qualifier.
    pub(super) function: String,
    pub(super) qualifier: Option<String>,
    pub(super) invocation_type: Option<InvocationType>,
    pub(super) log_type: Option<LogType>,
    pub(super) client_context: Option<String>,
}

/// Why a request is not passed on.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) message: String,
}

impl Refusal {
    fn not_an_invoke(parts: &Parts, engine: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            kind: "ResourceNotFoundException",
            message: format!(
                "{} {} is not an Invoke, and the alias front door takes nothing else \
                 (POST {PREFIX}<function>{SUFFIX}); send it to the engine at {engine}",
                parts.method,
                parts.uri.path(),
            ),
        }
    }

    fn invalid(message: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "InvalidParameterValueException",
            message,
        }
    }

    pub(super) fn unreadable(error: &dyn std::error::Error) -> Self {
        Self::invalid(format!("the payload could not be read: {error}"))
    }

    pub(super) fn unreachable(error: &dyn std::error::Error) -> Self {
        let mut causes = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            causes = format!("{causes}: {cause}");
            source = cause.source();
        }
        Self {
            status: StatusCode::BAD_GATEWAY,
            kind: "ServiceException",
            message: format!("the engine did not answer: {causes}"),
        }
    }
}

impl Invoke {
    /// Reads the head of a request; `engine` is where all other requests belong.
    pub(super) fn parse(parts: &Parts, engine: &str) -> Result<Self, Refusal> {
        let named = parts
            .uri
            .path()
            .strip_prefix(PREFIX)
            .and_then(|p| p.strip_suffix(SUFFIX));
        let named = named.filter(|name| !name.is_empty() && !name.contains('/'));
        let Some(named) = named.filter(|_| parts.method == Method::POST) else {
            return Err(Refusal::not_an_invoke(parts, engine));
        };
        let (function, in_name) = split_qualifier(&decode(named)?)?;
        let in_query = qualifier_in(parts.uri.query().unwrap_or_default())?;
        let qualifier = match (in_name, in_query) {
            (Some(name), Some(query)) if name != query => {
                return Err(Refusal::invalid(format!(
                    "the function's name says qualifier {name} and the query says {query}: \
                     expected one of them, or both the same"
                )));
            }
            (name, query) => name.or(query),
        };
        let header = |name: &str| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        Ok(Self {
            function,
            qualifier,
            invocation_type: header("x-amz-invocation-type").map(InvocationType::from),
            log_type: header("x-amz-log-type").map(LogType::from),
            client_context: header("x-amz-client-context").map(ToOwned::to_owned),
        })
    }

    /// The qualifier, if it is an alias: a version is a number or `$LATEST`.
    pub(super) fn alias(&self) -> Option<&str> {
        self.qualifier.as_deref().filter(|qualifier| {
            *qualifier != "$LATEST" && !qualifier.bytes().all(|byte| byte.is_ascii_digit())
        })
    }

    /// The bare name, as metrics carry it.
    pub(super) fn function_name(&self) -> &str {
        self.function.rsplit(':').next().unwrap_or(&self.function)
    }
}

/// Splits `name[:qualifier]`, `account:function:name[:qualifier]` and
/// `arn:aws:lambda:region:account:function:name[:qualifier]`.
fn split_qualifier(named: &str) -> Result<(String, Option<String>), Refusal> {
    let parts: Vec<&str> = named.split(':').collect();
    let fixed = match parts.as_slice() {
        ["arn", _, "lambda", _, _, "function", ..] => 6,
        [_, "function", ..] if parts.len() > 2 => 2,
        _ => 0,
    };
    match &parts[fixed..] {
        [name] if !name.is_empty() => Ok((named.to_owned(), None)),
        [name, qualifier] if !name.is_empty() && !qualifier.is_empty() => {
            let function = &named[..named.len() - qualifier.len() - 1];
            Ok((function.to_owned(), Some((*qualifier).to_owned())))
        }
        _ => Err(Refusal::invalid(format!(
            "{named} names no function: expected name, account:function:name or an ARN, each \
             with or without :qualifier"
        ))),
    }
}

fn qualifier_in(query: &str) -> Result<Option<String>, Refusal> {
    let pair = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("Qualifier="));
    pair.filter(|value| !value.is_empty())
        .map(decode)
        .transpose()
}

/// Undoes percent encoding.
fn decode(text: &str) -> Result<String, Refusal> {
    let broken = || Refusal::invalid(format!("{text} is not percent-encoded UTF-8"));
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = [
            bytes.next().ok_or_else(broken)?,
            bytes.next().ok_or_else(broken)?,
        ];
        let digits = std::str::from_utf8(&digits).map_err(|_| broken())?;
        decoded.push(u8::from_str_radix(digits, 16).map_err(|_| broken())?);
    }
    String::from_utf8(decoded).map_err(|_| broken())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn parse(method: &str, uri: &str) -> Result<Invoke, Refusal> {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        Invoke::parse(&request.into_parts().0, "http://engine")
    }

    fn parsed(function: &str, query: &str) -> Invoke {
        parse("POST", &format!("{PREFIX}{function}{SUFFIX}{query}")).unwrap()
    }

    #[test]
    fn a_qualifier_is_taken_from_the_query() {
        let invoke = parsed("shop", "?Qualifier=live");
        assert_eq!(
            (invoke.function.as_str(), invoke.alias()),
            ("shop", Some("live"))
        );
    }

    #[test]
    fn a_qualifier_is_taken_from_the_name_and_from_both_kinds_of_arn() {
        for function in [
            "shop:live",
            "123456789012:function:shop:live",
            "arn:aws:lambda:us-east-1:123456789012:function:shop:live",
            "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Ashop%3Alive",
        ] {
            let invoke = parsed(function, "");
            assert_eq!(invoke.alias(), Some("live"), "{function}");
            assert_eq!(invoke.function_name(), "shop", "{function}");
            assert!(invoke.function.ends_with("shop"), "{function}");
        }
    }

    #[test]
    fn a_name_without_qualifier_has_none() {
        for function in [
            "shop",
            "arn:aws:lambda:us-east-1:123456789012:function:shop",
        ] {
            let invoke = parsed(function, "");
            assert_eq!(
                (invoke.function.as_str(), invoke.qualifier),
                (function, None)
            );
        }
    }

    #[test]
    fn versions_and_latest_are_no_aliases() {
        assert_eq!(parsed("shop", "?Qualifier=12").alias(), None);
        assert_eq!(parsed("shop", "?Qualifier=%24LATEST").alias(), None);
    }

    #[test]
    fn two_different_qualifiers_are_refused() {
        let uri = format!("{PREFIX}shop:live{SUFFIX}?Qualifier=next");
        let refusal = parse("POST", &uri).unwrap_err();
        assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
        assert!(refusal.message.contains("live") && refusal.message.contains("next"));
    }

    #[test]
    fn anything_but_an_invoke_is_refused_with_where_it_belongs() {
        for (method, uri) in [
            ("GET", "/2015-03-31/functions/shop/invocations"),
            ("POST", "/"),
            ("POST", "/2015-03-31/functions/shop/aliases"),
            ("POST", "/2015-03-31/functions/a/b/invocations"),
        ] {
            let refusal = parse(method, uri).unwrap_err();
            assert_eq!(refusal.status, StatusCode::NOT_FOUND);
            assert!(
                refusal.message.contains("http://engine"),
                "{}",
                refusal.message
            );
        }
    }
}

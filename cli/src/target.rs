//! What people type to name a release or a promotion.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use sluice_domain::promotion::{Promotion, PromotionId};

use crate::error::{Error, Result};

/// A release: `shop`, `shop/1.1.0` or `shop/1.1.0/2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseTarget {
    /// The application.
    pub application: String,
    /// The version. None: the one that was promoted last.
    pub version: Option<Version>,
    /// The attempt. None: the last one.
    pub attempt: Option<u32>,
}

/// A promotion: `shop/prod`, which means the one that is open there, or
/// `shop/prod/1.1.0/1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromotionTarget {
    /// Exactly this one.
    Id(PromotionId),
    /// The open one of an application and an environment.
    Open {
        /// The application.
        application: String,
        /// The environment.
        environment: String,
    },
}

/// What `watch` takes: a release or a promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A release, with all its promotions.
    Release(ReleaseTarget),
    /// One promotion.
    Promotion(PromotionTarget),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let release = |version, attempt| {
            Self::Release(ReleaseTarget {
                application: parts[0].to_owned(),
                version,
                attempt,
            })
        };
        let unknown = || {
            format!(
                "found `{text}`; expected <application>, <application>/<version>[/<attempt>], \
                 <application>/<environment> or <application>/<environment>/<version>/<attempt>"
            )
        };
        if parts.iter().any(|part| part.is_empty()) {
            return Err(unknown());
        }
        match parts.as_slice() {
            [_] => Ok(release(None, None)),
            [application, second] => Ok(match second.parse() {
                Ok(version) => release(Some(version), None),
                Err(_) => Self::Promotion(PromotionTarget::Open {
                    application: (*application).to_owned(),
                    environment: (*second).to_owned(),
                }),
            }),
            [_, version, attempt] => {
                let version = version.parse().map_err(|_| unknown())?;
                Ok(release(
                    Some(version),
                    Some(attempt.parse().map_err(|_| unknown())?),
                ))
            }
            _ => text
                .parse()
                .map(|id| Self::Promotion(PromotionTarget::Id(id)))
                .map_err(|_| unknown()),
        }
    }
}

impl FromStr for PromotionTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(Target::Promotion(target)) => Ok(target),
            _ => Err(format!(
                "found `{text}`; expected <application>/<environment> or <application>/<environment>/<version>/<attempt>"
            )),
        }
    }
}

impl PromotionTarget {
    /// The promotion that is meant, among those that are open.
    ///
    /// # Errors
    /// When none or more than one is open there.
    pub fn among(&self, open: &[Promotion]) -> Result<PromotionId> {
        let (application, environment) = match self {
            Self::Id(id) => return Ok(id.clone()),
            Self::Open {
                application,
                environment,
            } => (application, environment),
        };
        let there: Vec<&Promotion> = open
            .iter()
            .filter(|promotion| {
                promotion.id.application == *application && promotion.id.environment == *environment
            })
            .collect();
        match there.as_slice() {
            [one] => Ok(one.id.clone()),
            [] => Err(Error::Absent(format!(
                "no promotion is open in {application}/{environment}; `sluice history {application}` lists those that ended"
            ))),
            several => {
                let names: Vec<String> = several
                    .iter()
                    .map(|promotion| promotion.id.to_string())
                    .collect();
                Err(Error::Usage(format!(
                    "several promotions are open there; name one of {}",
                    names.join(", ")
                )))
            }
        }
    }
}

/// An environment of an application: `shop/prod`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The application.
    pub application: String,
    /// The environment.
    pub environment: String,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse()? {
            Target::Promotion(PromotionTarget::Open {
                application,
                environment,
            }) => Ok(Self {
                application,
                environment,
            }),
            _ => Err(format!(
                "found `{text}`; expected <application>/<environment>"
            )),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: Option<&str>, attempt: Option<u32>) -> Target {
        let version = version.map(|version| version.parse().expect("a version"));
        Target::Release(ReleaseTarget {
            application: "shop".into(),
            version,
            attempt,
        })
    }

    #[test]
    fn releases_and_promotions_are_told_apart_by_their_second_part() {
        assert_eq!("shop".parse(), Ok(release(None, None)));
        assert_eq!("shop/1.1.0".parse(), Ok(release(Some("1.1.0"), None)));
        assert_eq!("shop/1.1.0/2".parse(), Ok(release(Some("1.1.0"), Some(2))));
        let open = PromotionTarget::Open {
            application: "shop".into(),
            environment: "prod".into(),
        };
        assert_eq!("shop/prod".parse(), Ok(Target::Promotion(open)));
        let id = PromotionTarget::Id("shop/prod/1.1.0/1".parse().expect("an id"));
        assert_eq!("shop/prod/1.1.0/1".parse(), Ok(Target::Promotion(id)));
    }

    #[test]
    fn a_place_is_an_application_and_an_environment_and_nothing_else() {
        let place: Place = "shop/prod".parse().expect("a place");
        assert_eq!(place.to_string(), "shop/prod");
        for text in ["shop", "shop/1.0.0", "shop/prod/1.0.0/1"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_was_expected() {
        for text in [
            "",
            "shop/",
            "/prod",
            "shop/prod/x",
            "shop/prod/1.0.0/0",
            "a/b/c/d/e",
        ] {
            let error = text.parse::<Target>().expect_err(text);
            assert!(error.contains("expected <application>"), "{error}");
        }
    }

    #[test]
    fn an_environment_without_an_open_promotion_says_where_to_look() {
        let target: PromotionTarget = "shop/prod".parse().expect("a target");
        let error = target.among(&[]).expect_err("none is open").to_string();
        assert!(
            error.contains("no promotion is open in shop/prod"),
            "{error}"
        );
    }
}

//! Functions of another account or region: where they are, and whether Lambda could be
//! given their code there.
//!
//! The facts are gathered first and judged apart, so that the judging is pure.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use sluice_domain::role::Role;
use sluice_domain::settings::Settings;
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;

use crate::finding::Finding;

/// What was found of the bucket that a role names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bucket {
    /// It is in the functions' region.
    There,
    /// There is none.
    None,
    /// It is in another region, if S3 says which.
    Elsewhere(Option<String>),
    /// That could not be read, for this reason.
    Unknown(String),
}

/// Where Sluice is, and what was found where the functions are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// Sluice's own region.
    pub own: String,
    /// The bucket that the role names, if it names one.
    pub bucket: Option<Bucket>,
}

/// Looks at the bucket of the settings' role, through that role.
pub async fn gather(config: &SdkConfig, settings: &Settings) -> Elsewhere {
    let bucket = match settings.role.as_ref() {
        Some(role) => look(config, role).await,
        None => None,
    };
    Elsewhere {
        own: config.region().map(ToString::to_string).unwrap_or_default(),
        bucket,
    }
}

async fn look(config: &SdkConfig, role: &Role) -> Option<Bucket> {
    let name = role.bucket.as_ref()?;
    let clients = PerAccount::new(config, Client::new);
    let client = clients.of(Some(role), "sluice-env-check").await;
    let request = client.head_bucket().bucket(name);
    let request = request.set_expected_bucket_owner(role.account().map(str::to_owned));
    let error = match request.send().await {
        Ok(_) => return Some(Bucket::There),
        Err(error) => error,
    };
    let response = error.raw_response();
    let region = response.and_then(|response| response.headers().get("x-amz-bucket-region"));
    let region = region.map(str::to_owned);
    let status = response.map(|response| response.status().as_u16());
    Some(match status {
        Some(404) => Bucket::None,
        Some(301 | 400) => Bucket::Elsewhere(region),
        _ => Bucket::Unknown(Fault::new("s3:HeadBucket", error).message),
    })
}

/// Whether a release could bring its code to the functions. None: they are where Sluice is.
#[must_use]
pub fn finding(settings: &Settings, found: &Elsewhere) -> Option<Finding> {
    let role = settings.role.as_ref()?;
    let subject = "role.bucket";
    if let Some(region) = role.lacks_bucket(&found.own) {
        let message = format!(
            "the functions are in {region}, where Lambda takes code from a bucket in that region only, and none is named"
        );
        let mend = format!("create one in {region}, in the role's account, and name it");
        return Some(Finding::problem(subject, message, mend));
    }
    let Some(bucket) = &role.bucket else {
        let message = "none is named: Lambda takes code from Sluice's own bucket, with the permissions of the role";
        let mend = "name a bucket of the role's account, or have the role read Sluice's";
        return Some(Finding::note(subject, message, mend));
    };
    let region = role.region.as_deref().unwrap_or(&found.own);
    Some(match &found.bucket {
        Some(Bucket::There) => {
            Finding::ok(subject, format!("code is copied to {bucket}, in {region}"))
        }
        Some(Bucket::None) => Finding::problem(
            subject,
            format!("there is no bucket {bucket}"),
            format!("create it in {region}, in the role's account"),
        ),
        Some(Bucket::Elsewhere(other)) => Finding::problem(
            subject,
            format!(
                "{bucket} is in {}; the functions are in {region}",
                other.as_deref().unwrap_or("another region")
            ),
            format!("name a bucket in {region}"),
        ),
        Some(Bucket::Unknown(why)) => Finding::note(
            subject,
            format!("{bucket} can't be looked at: {why}"),
            "it has to be the role's account's; allow s3:ListBucket to the role, and the role to you, to check it",
        ),
        None => Finding::note(subject, format!("{bucket} was not looked at"), ""),
    })
}

/// Where the functions behind a role are, for people.
#[must_use]
pub fn place(role: &Role) -> String {
    let account = role.account().unwrap_or("another account");
    match &role.region {
        Some(region) => format!("{account}, {region}"),
        None => account.to_owned(),
    }
}

/// Where a release would find functions and put their code, for people.
#[must_use]
pub fn told(role: &Role) -> String {
    let code = role.bucket.as_ref().map_or_else(
        || "Lambda takes code from Sluice's own bucket".to_owned(),
        |bucket| format!("code is copied to the bucket {bucket} first"),
    );
    format!("functions in {}; {code}", place(role))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sluice_domain::document::Document as _;

    use super::*;
    use crate::finding::Level;

    fn settings(role: Value) -> Settings {
        let mut document =
            json!({"schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}}});
        document["role"] =
            json!({"arn": "arn:aws:iam::444455556666:role/sluice-managed", "external_id": "e"});
        let fields = document["role"].as_object_mut().expect("an object");
        fields.extend(role.as_object().cloned().unwrap_or_default());
        Settings::parse("settings", document.to_string().as_bytes()).expect("valid")
    }

    fn judged(role: Value, bucket: Option<Bucket>) -> (Level, String) {
        let own = "eu-central-1".to_owned();
        let finding = finding(&settings(role), &Elsewhere { own, bucket });
        let finding = finding.expect("a finding");
        (
            finding.level,
            format!("{}; {}", finding.message, finding.mend),
        )
    }

    #[test]
    fn functions_of_another_region_need_a_bucket_there_that_is_there() {
        let (level, text) = judged(json!({"region": "us-east-1"}), None);
        assert_eq!(level, Level::Problem);
        assert!(
            text.contains("are in us-east-1") && text.contains("create one in us-east-1"),
            "{text}"
        );
        let role = json!({"region": "us-east-1", "bucket": "code"});
        let of = |bucket: Bucket| judged(role.clone(), Some(bucket));
        assert_eq!(
            of(Bucket::There),
            (
                Level::Ok,
                "code is copied to code, in us-east-1; ".to_owned()
            )
        );
        assert_eq!(of(Bucket::None).0, Level::Problem);
        let (level, text) = of(Bucket::Elsewhere(Some("eu-west-1".to_owned())));
        assert_eq!(level, Level::Problem);
        assert!(
            text.contains("in eu-west-1; the functions are in us-east-1"),
            "{text}"
        );
        assert_eq!(of(Bucket::Unknown("denied".to_owned())).0, Level::Note);
    }

    #[test]
    fn a_role_of_the_own_region_may_go_without() {
        let (level, text) = judged(json!({}), None);
        assert_eq!(level, Level::Note);
        assert!(text.contains("Sluice's own bucket"), "{text}");
    }

    #[test]
    fn functions_beside_sluice_need_nothing() {
        let mut settings = settings(json!({}));
        settings.role = None;
        assert_eq!(finding(&settings, &Elsewhere::default()), None);
    }

    #[test]
    fn people_read_account_and_region() {
        let place_of = |role: Value| settings(role).role.as_ref().map(place);
        assert_eq!(place_of(json!({})).as_deref(), Some("444455556666"));
        let there = place_of(json!({"region": "us-east-1"}));
        assert_eq!(there.as_deref(), Some("444455556666, us-east-1"));
    }
}

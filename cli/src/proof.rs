//! Proves to one of Sluice's functions who asks: signs a request to STS that the function
//! sends (`sluice_domain::caller` says why). Nothing is sent from here.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use serde_json::Value;
use sluice_domain::caller::{BODY, Challenge, FIELD, Proof, SERVICE};
use sluice_platform::fault::Fault;

/// Puts a proof of who asks into a request to this function.
///
/// # Errors
/// When there are no credentials, or they can't sign.
pub async fn prove(
    config: &SdkConfig,
    function_arn: &str,
    request: &mut Value,
    now: Timestamp,
) -> Result<(), Fault> {
    let failed = |why: String| Fault::other("signing a proof of who asks", why);
    let provider = config.credentials_provider();
    let provider = provider.ok_or_else(|| failed("found no credentials; sign in".to_owned()))?;
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(|error| failed(error.to_string()))?;
    let challenge = Challenge::new(function_arn, request);
    let endpoint = endpoint(config, challenge.region()).await.map_err(failed)?;
    let proof = signed(&credentials, &endpoint, &challenge, now).map_err(failed)?;
    if let Some(fields) = request.as_object_mut() {
        let proof = serde_json::to_value(proof).map_err(|error| failed(error.to_string()))?;
        fields.insert(FIELD.to_owned(), proof);
    }
    Ok(())
}

/// The endpoint of STS that a function in this region uses. Who sends all services
/// elsewhere has the function there, too. What is set for STS alone here says nothing
/// about the function.
async fn endpoint(config: &SdkConfig, region: &str) -> Result<String, String> {
    if let Some(all) = config.endpoint_url() {
        return Ok(all.to_owned());
    }
    let region = Params::builder().region(region.to_owned()).build();
    let region = region.map_err(|error| error.to_string())?;
    let resolver = DefaultResolver::new();
    let endpoint = resolver.resolve_endpoint(&region).await;
    let endpoint = endpoint.map_err(|error| error.to_string())?;
    Ok(endpoint.url().to_owned())
}

fn signed(
    credentials: &Credentials,
    endpoint: &str,
    challenge: &Challenge,
    now: Timestamp,
) -> Result<Proof, String> {
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(challenge.region())
        .name(SERVICE)
        .time(SystemTime::from(now))
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?;
    let endpoint = format!("{}/", endpoint.trim_end_matches('/'));
    let headers = challenge.headers();
    let body = SignableBody::Bytes(BODY.as_bytes());
    let request = SignableRequest::new("POST", endpoint, headers.into_iter(), body);
    let request = request.map_err(|error| error.to_string())?;
    let signed = sign(request, &parameters.into()).map_err(|error| error.to_string())?;
    let header = |name: &str| {
        let mut headers = signed.output().headers();
        let found = headers.find(|(other, _)| *other == name);
        found.map(|(_, value)| value.to_owned())
    };
    Ok(Proof {
        authorization: header("authorization").unwrap_or_default(),
        x_amz_date: header("x-amz-date").unwrap_or_default(),
        x_amz_security_token: header("x-amz-security-token"),
    })
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;

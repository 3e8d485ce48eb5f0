//! Who calls a function of Sluice's: has STS say whose signature a proof is
//! (`sluice_domain::caller` says what a proof is, and why).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluice_domain::caller::{BODY, Challenge, Principal, Proof, Refused};
use sluice_domain::digest::Digest;
use sluice_domain::naming::qualifier;

use crate::fault::Fault;
use crate::lambda::{Named, answer, fault_name, init_logging};

/// The longest answer of STS that is read, in bytes. A caller's identity has some 500.
const LONGEST_ANSWER: usize = 64 * 1024;

/// How long one try may take, and all of them.
const TRY: Duration = Duration::from_secs(3);
const TRIES: Duration = Duration::from_secs(8);

/// Why nobody knows who calls.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// The proof proves nothing.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// STS could not be asked.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Named for CallerError {
    fn name(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.name(),
            Self::Fault(fault) => fault_name(fault),
        }
    }
}

/// Who calls, once the request's proof was looked at. None: it has no proof.
pub type Caller = Result<Option<Principal>, CallerError>;

/// A call of a function.
#[derive(Debug)]
pub struct Call {
    /// The alias or the version that was called. None: the function as such.
    pub qualifier: Option<String>,
    /// Who calls.
    pub caller: Caller,
    /// What tells what they signed from all else: what it says, and when that was signed.
    pub once: Option<Digest>,
}

/// Serves a handler that is told who calls what, until the runtime ends the process.
///
/// # Errors
/// When the runtime API can't be reached.
pub async fn serve<I, O, E, F, Fut>(
    callers: &Callers,
    handler: F,
) -> Result<(), lambda_runtime::Error>
where
    I: DeserializeOwned,
    O: Serialize,
    E: Named,
    F: Fn(I, Call) -> Fut,
    Fut: Future<Output = Result<O, E>>,
{
    init_logging();
    let handler = &handler;
    lambda_runtime::run(service_fn(
        move |mut event: LambdaEvent<Value>| async move {
            let function = &event.context.invoked_function_arn;
            let signed_at = Proof::date_of(&event.payload);
            let caller = callers.caller(function, &mut event.payload, Timestamp::now());
            let caller = Box::pin(caller).await;
            let call = Call {
                caller,
                qualifier: qualifier(function).map(str::to_owned),
                once: once(signed_at, &event.payload),
            };
            answer(|input| handler(input, call), event).await
        },
    ))
    .await
}

/// What tells a request that was signed then from all else, once its proof was taken out.
fn once(signed_at: Option<Timestamp>, request: &Value) -> Option<Digest> {
    let signed = format!("{} {request}", signed_at?);
    Some(Digest::of(signed.as_bytes()))
}

/// Asks the STS of this function's region.
pub struct Callers {
    client: Client,
}

impl Callers {
    /// Builds the client. It has no credentials: a request that is not the caller's own
    /// proves nobody's identity, least of all that of this function.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let mut anonymous = config.to_builder();
        anonymous.set_credentials_provider(None);
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(TRY)
            .operation_timeout(TRIES)
            .build();
        let config = aws_sdk_sts::config::Builder::from(&anonymous.build())
            .allow_no_auth()
            .timeout_config(timeouts);
        Self {
            client: Client::from_conf(config.build()),
        }
    }

    /// Who sent this request to the function of this ARN. Takes the proof out of it.
    ///
    /// # Errors
    /// When there is a proof and it proves nothing, or STS can't be asked.
    pub async fn caller(&self, function: &str, request: &mut Value, now: Timestamp) -> Caller {
        let Some(proof) = Proof::take(request)? else {
            return Ok(None);
        };
        let challenge = Challenge::new(function, request);
        proof.check(&challenge, now)?;
        self.ask(proof, challenge).await.map(Some)
    }

    /// Sends what the caller signed. Reads only.
    async fn ask(&self, proof: Proof, challenge: Challenge) -> Result<Principal, CallerError> {
        let operation = self.client.get_caller_identity().customize();
        let signed = Signed(Arc::new((proof, challenge)));
        let answer = operation.interceptor(signed).send().await;
        let answer = answer.map_err(|error| {
            let is_answered = error.as_service_error().is_some();
            let mut fault = Fault::new("sts:GetCallerIdentity of a caller's proof", error);
            if is_answered {
                // The service's own words can repeat what was signed, token included.
                let code = fault.code.as_deref();
                fault.message = code.unwrap_or("an error without a name").to_owned();
            }
            refused_or_failed(fault, is_answered)
        })?;
        Ok(Principal::of_arn(answer.arn().unwrap_or_default())?)
    }
}

/// An error that STS names is about the proof, unless it passes.
fn refused_or_failed(fault: Fault, is_answered: bool) -> CallerError {
    let passes = fault.is_throttling() || fault.is_unavailable();
    match &fault.code {
        Some(code) if is_answered && !passes => Refused::BySts { code: code.clone() }.into(),
        _ => fault.into(),
    }
}

/// Sends what a caller signed in the place of the SDK's own request, to the endpoint that
/// the SDK chose.
#[derive(Debug)]
struct Signed(Arc<(Proof, Challenge)>);

#[dyn_dispatch_hint]
impl Intercept for Signed {
    fn name(&self) -> &'static str {
        "Signed"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (proof, challenge) = &*self.0;
        let request = context.request_mut();
        *request.body_mut() = SdkBody::from(BODY);
        let headers = request.headers_mut();
        *headers = Default::default();
        for (name, value) in proof.headers(challenge) {
            headers.try_insert(name, value.to_owned())?;
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let whole = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(whole, LONGEST_ANSWER));
        Ok(())
    }
}

#[cfg(test)]
#[path = "caller_tests.rs"]
mod tests;

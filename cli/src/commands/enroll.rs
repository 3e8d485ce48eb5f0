//! `sluice env enroll`: a person's secret of one-time codes, made, kept and shown once.

use aws_config::SdkConfig;
use aws_sdk_ssm::types::ParameterType;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;
use sluice_platform::fault::Fault;
use sluice_platform::totp::OneTimeSecret;

use crate::error::{Error, Exit, Result};
use crate::paint::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The SecureString parameter that the settings name: `totp_parameter` of the approver
    parameter: String,
    /// Under which name the person's app shows the codes
    #[arg(long, default_value = "Sluice", value_name = "NAME")]
    issuer: String,
    /// Make a new secret in place of the one there is: codes of that one end
    #[arg(long)]
    again: bool,
}

impl Args {
    pub(super) async fn run(self, config: &SdkConfig, output: &Output) -> Result<Exit> {
        let secret = OneTimeSecret::generate().map_err(|error| Error::Usage(error.to_string()))?;
        self.keep(config, &secret).await?;
        let person = self.parameter.rsplit('/').next().unwrap_or_default();
        let uri = secret.uri(&self.issuer, person);
        let document = json!({ "parameter": self.parameter, "uri": uri });
        output.answer(&document, |_| self.shown(&uri))?;
        Ok(Exit::Ok)
    }

    async fn keep(&self, config: &SdkConfig, secret: &OneTimeSecret) -> Result<()> {
        let request = aws_sdk_ssm::Client::new(config)
            .put_parameter()
            .name(&self.parameter)
            .value(secret.reveal())
            .r#type(ParameterType::SecureString)
            .overwrite(self.again);
        let Err(error) = request.send().await else {
            return Ok(());
        };
        let fault = Fault::new(format!("ssm:PutParameter of {}", self.parameter), error);
        if fault.is("ParameterAlreadyExists") {
            let message = format!(
                "{} is there already, and somebody may vote with it; nothing was changed. A new secret takes its \
                 place with --again",
                self.parameter
            );
            return Err(Error::Refused {
                name: "AlreadyThere".to_owned(),
                message,
            });
        }
        Err(fault.into())
    }

    /// What the person scans, and what they do if they can't.
    fn shown(&self, uri: &str) -> Vec<String> {
        let mut lines = vec![format!(
            "{} is written. Let the person scan this with an app for one-time codes; it is shown once:",
            self.parameter
        )];
        if let Ok(code) = QrCode::new(uri) {
            let drawn = code.render::<Dense1x2>().build();
            lines.push(String::new());
            lines.extend(drawn.lines().map(str::to_owned));
        }
        lines.extend([String::new(), uri.to_owned()]);
        lines
    }
}

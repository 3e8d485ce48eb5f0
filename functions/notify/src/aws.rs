//! The ports on AWS, through the platform.

use sluice_platform::fault::Fault;
use sluice_platform::people::Message;
use sluice_platform::settings::{SettingsError, SettingsReader};

use crate::{People, Topics};

/// Topics as environments' settings name them.
pub struct SettingsTopics(pub SettingsReader);

impl Topics for SettingsTopics {
    async fn topic(&self, application: &str, environment: &str) -> Result<Option<String>, Fault> {
        match self.0.read(application, environment).await {
            Ok(settings) => Ok(settings.channels.topic_arn),
            Err(SettingsError::Fault(fault)) => Err(fault),
            Err(error) => {
                tracing::warn!(application, environment, %error, "no usable settings; telling the default topic");
                Ok(None)
            }
        }
    }
}

impl People for sluice_platform::people::Topics {
    async fn tell(&self, topic: Option<&str>, message: &Message) -> Result<(), Fault> {
        self.tell(topic, message).await
    }
}

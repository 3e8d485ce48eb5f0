//! The ports on AWS: settings through the platform, SNS here.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use sluice_domain::promotion::PromotionId;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{MissingVariable, variable};
use sluice_platform::settings::{SettingsError, SettingsReader};

use crate::{Message, People, Topics};

/// Topics as environments' settings name them.
pub struct SettingsTopics(pub SettingsReader);

impl Topics for SettingsTopics {
    async fn topic(&self, id: &PromotionId) -> Result<Option<String>, Fault> {
        match self.0.read(&id.application, &id.environment).await {
            Ok(settings) => Ok(settings.channels.topic_arn),
            Err(SettingsError::Fault(fault)) => Err(fault),
            Err(error @ (SettingsError::Missing(_) | SettingsError::Invalid(_))) => {
                tracing::warn!(promotion = %id, %error, "no usable settings; telling the default topic");
                Ok(None)
            }
        }
    }
}

/// People behind SNS topics.
pub struct Sns {
    client: Client,
    topic: String,
}

impl Sns {
    /// From `SLUICE_TOPIC`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            client: Client::new(config),
            topic: variable("SLUICE_TOPIC")?,
        })
    }
}

impl People for Sns {
    async fn tell(&self, topic: Option<&str>, message: &Message) -> Result<(), Fault> {
        let topic = topic.unwrap_or(&self.topic);
        let operation = || format!("sns:Publish to {topic}");
        let mut request = self
            .client
            .publish()
            .topic_arn(topic)
            .subject(&message.subject)
            .message(&message.body);
        for (name, value) in &message.attributes {
            let attribute = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build();
            let attribute = attribute.map_err(|error| Fault::other(operation(), error))?;
            request = request.message_attributes(*name, attribute);
        }
        request
            .send()
            .await
            .map_err(|error| Fault::new(operation(), error))?;
        Ok(())
    }
}

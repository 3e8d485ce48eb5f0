//! The way to people: messages through SNS topics.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;

use crate::fault::Fault;
use crate::lambda::{MissingVariable, variable};

/// SNS takes subjects of fewer than 100 characters, in ASCII, on one line.
const LONGEST_SUBJECT: usize = 99;

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line of ASCII.
    pub subject: String,
    /// The text.
    pub body: String,
    /// What subscribers can filter by: name and value.
    pub attributes: Vec<(&'static str, String)>,
    /// Whom it asks for a vote, by name: who subscribed as one of them hears of it.
    pub approvers: Vec<String>,
}

impl Message {
    /// With as much of the subject as SNS takes.
    #[must_use]
    pub fn new(subject: &str, body: String, attributes: Vec<(&'static str, String)>) -> Self {
        let plain = |letter: &char| letter.is_ascii() && !letter.is_ascii_control();
        Self {
            subject: subject
                .chars()
                .filter(plain)
                .take(LONGEST_SUBJECT)
                .collect(),
            body,
            attributes,
            approvers: Vec::new(),
        }
    }
}

/// Topics that people subscribe to.
pub struct Topics {
    client: Client,
    own: String,
}

impl Topics {
    /// With Sluice's own from `SLUICE_TOPIC`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            client: Client::new(config),
            own: variable("SLUICE_TOPIC")?,
        })
    }

    /// Tells whoever subscribed to this topic, or to Sluice's own. Repeating it
    /// tells them twice.
    ///
    /// # Errors
    /// When SNS fails, or the topic is not there or not allowed.
    pub async fn tell(&self, topic: Option<&str>, message: &Message) -> Result<(), Fault> {
        let topic = topic.unwrap_or(&self.own);
        let operation = || format!("sns:Publish to {topic}");
        let mut request = self
            .client
            .publish()
            .topic_arn(topic)
            .subject(&message.subject)
            .message(&message.body);
        let texts = message.attributes.iter();
        let mut attributes: Vec<(&str, &str, String)> = texts
            .map(|(name, value)| (*name, "String", value.clone()))
            .collect();
        if !message.approvers.is_empty() {
            let names = serde_json::json!(message.approvers).to_string();
            attributes.push(("approvers", "String.Array", names));
        }
        for (name, kind, value) in attributes {
            let attribute = MessageAttributeValue::builder()
                .data_type(kind)
                .string_value(value)
                .build();
            let attribute = attribute.map_err(|error| Fault::other(operation(), error))?;
            request = request.message_attributes(name, attribute);
        }
        let answer = request.send().await;
        answer.map_err(|error| Fault::new(operation(), error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_cut_to_one_line_of_ascii_that_sns_takes() {
        let message = Message::new("shop 1.0.0 → prod\n: held", String::new(), Vec::new());
        assert_eq!(message.subject, "shop 1.0.0  prod: held");
        let long = Message::new(&"x".repeat(200), String::new(), Vec::new());
        assert_eq!(long.subject.len(), 99);
    }
}

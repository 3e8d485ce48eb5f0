//! Somebody who subscribed to Sluice's topic.

use std::sync::{Mutex, PoisonError};

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use super::World;

/// A queue that hears what people hear of one application.
pub struct Inbox {
    client: aws_sdk_sqs::Client,
    url: String,
    arrived: Mutex<Vec<Value>>,
}

impl World {
    /// Subscribes to what people are told of this application.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn inbox(&self) -> Inbox {
        let client = aws_sdk_sqs::Client::new(&self.config);
        let topic = self.resources.topic_arn().expect("the topic");
        let name = &self.application;
        let queue = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "sns.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": queue,
                "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
            }],
        });
        let created = client
            .create_queue()
            .queue_name(name)
            .attributes(QueueAttributeName::Policy, policy.to_string())
            .send()
            .await
            .expect("the queue");
        let filter = json!({ "application": [name] });
        aws_sdk_sns::Client::new(&self.config)
            .subscribe()
            .topic_arn(topic)
            .protocol("sqs")
            .endpoint(&queue)
            .attributes("FilterPolicy", filter.to_string())
            .send()
            .await
            .expect("the subscription");
        let url = created.queue_url().unwrap_or_default().to_owned();
        let arrived = Mutex::default();
        Inbox {
            client,
            url,
            arrived,
        }
    }

    /// Waits until people were told of something of this kind, and answers the
    /// subject and the text.
    ///
    /// # Panics
    /// When they are not in time.
    pub async fn told(&self, inbox: &Inbox, kind: &str) -> (String, String) {
        self.told_of(inbox, kind, "").await
    }

    /// Waits until people were told of something of this kind with this in the
    /// subject.
    ///
    /// # Panics
    /// When they are not in time.
    pub async fn told_of(&self, inbox: &Inbox, kind: &str, subject: &str) -> (String, String) {
        self.wait(&format!("a message of {kind} {subject}"), async || {
            let new = inbox.receive().await;
            let mut arrived = inbox.arrived.lock().unwrap_or_else(PoisonError::into_inner);
            arrived.extend(new);
            let text = |message: &Value, name: &str| {
                let text = message[name].as_str().unwrap_or_default();
                text.to_owned()
            };
            let found = arrived.iter().find(|message| {
                let is_of = message["MessageAttributes"]["kind"]["Value"] == kind;
                is_of && text(message, "Subject").contains(subject)
            })?;
            Some((text(found, "Subject"), text(found, "Message")))
        })
        .await
    }
}

impl Inbox {
    /// Takes what has arrived.
    async fn receive(&self) -> Vec<Value> {
        let request = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10);
        let answer = request.send().await.expect("the queue");
        let mut messages = Vec::new();
        for message in answer.messages() {
            let body = message.body().unwrap_or_default();
            messages.push(serde_json::from_str(body).expect("a message of SNS"));
            self.client
                .delete_message()
                .queue_url(&self.url)
                .receipt_handle(message.receipt_handle().unwrap_or_default())
                .send()
                .await
                .expect("the message is taken");
        }
        messages
    }
}

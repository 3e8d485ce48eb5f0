//! Ada, who approves what waits for her: through the desk's page, as a person would.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sluice_cli::desk::{self, Ballot, Person};
use sluice_cli::reader::Reader;
use sluice_domain::approval::{Choice, State};
use sluice_platform::totp::OneTimeSecret;
use tokio::time::{Duration, sleep};

use crate::storefront::APPLICATION;

/// The approver that the production settings name.
pub(super) const APPROVER: &str = "ada";

const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// Approves every open request of the storefront, until it is stopped.
pub(super) async fn votes(reader: Reader, desk: String, secret: OneTimeSecret) {
    let mut answered = BTreeSet::new();
    loop {
        sleep(LOOKS_EVERY).await;
        // What can't be read now is read at the next look.
        let Ok(open) = reader.store.open_promotions().await else {
            continue;
        };
        for (promotion, _) in open {
            if promotion.id.application != APPLICATION || answered.contains(&promotion.id) {
                continue;
            }
            let Ok(Some(question)) = reader.question(&promotion.id).await else {
                continue;
            };
            if question.state != State::Pending {
                continue;
            }
            let person = Person {
                name: APPROVER.to_owned(),
                code: secret.code_at(Timestamp::now()),
            };
            let ballot = Ballot {
                choice: Some(Choice::Approve),
                comment: "looks good".to_owned(),
                attested: Vec::new(),
                version: promotion.id.version.to_string(),
            };
            let (desk, request) = (desk.clone(), question.request.id);
            let vote = move || desk::vote(&desk, &request, (&person, &ballot));
            let voted = tokio::task::spawn_blocking(vote).await;
            match voted {
                Ok(Ok(_)) => {
                    answered.insert(promotion.id);
                }
                Ok(Err(error)) => tracing::warn!(%error, "the vote was not taken"),
                Err(error) => tracing::warn!(%error, "the vote was not sent"),
            }
        }
    }
}

//! What was posted of a promotion, and what it is called in the notes.

use serde_json::json;
use sluice_domain::approval::Matter;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::SlackPlace;
use sluice_platform::store::Mirrored;

/// The first message of a promotion: all others are in its thread.
pub(super) const THREAD: &str = "thread";

/// The message of the request about the promotion as a whole.
const REQUEST: &str = "request";
/// And of one about a step, from 0.
const STEP: &str = "step-";

/// Whose messages these are, and where.
pub(super) struct Topic {
    pub(super) place: SlackPlace,
    pub(super) promotion: PromotionId,
    pub(super) posted: Vec<(String, Mirrored)>,
}

impl Topic {
    /// Of all that was noted, what is where settings name now: they may have named another
    /// channel before, and nobody there looks for an answer here.
    pub(super) fn new(
        place: SlackPlace,
        promotion: PromotionId,
        mut noted: Vec<(String, Mirrored)>,
    ) -> Self {
        noted.retain(|(_, posted)| match &place {
            SlackPlace::Channel(channel) => *channel == posted.place,
            SlackPlace::Webhook(_) => false,
        });
        Self {
            place,
            promotion,
            posted: noted,
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<&Mirrored> {
        let mut posted = self.posted.iter();
        let found = posted.find(|(one, _)| one == name);
        found.map(|(_, posted)| posted)
    }

    /// Leaves a message out that is lost. If a thread began with it, another one does.
    pub(super) fn forget(&mut self, lost: &Mirrored) {
        self.posted.retain(|(_, posted)| posted != lost);
    }
}

/// What the message of a request is called.
pub(super) fn name_of(matter: Matter) -> String {
    match matter {
        Matter::Promotion => REQUEST.to_owned(),
        Matter::Step(step) => format!("{STEP}{step}"),
        Matter::Wish(wish) => wish.name().to_owned(),
    }
}

/// What the message of this name asks. None: it asks nothing.
pub(super) fn matter_of(name: &str) -> Option<Matter> {
    if name == REQUEST {
        return Some(Matter::Promotion);
    }
    if let Some(step) = name.strip_prefix(STEP) {
        return step.parse().ok().map(Matter::Step);
    }
    let wish = serde_json::from_value(json!(name.replace('-', "_")));
    wish.ok().map(Matter::Wish)
}

#[cfg(test)]
mod tests {
    use sluice_domain::controls::Wish;

    use super::*;

    #[test]
    fn what_a_message_asks_can_be_told_from_its_name() {
        for matter in [
            Matter::Promotion,
            Matter::Step(0),
            Matter::Step(12),
            Matter::Wish(Wish::Emergency),
            Matter::Wish(Wish::OverrideWindows),
        ] {
            assert_eq!(matter_of(&name_of(matter)), Some(matter));
        }
        for other in [THREAD, "deployment", "step-", "step-x"] {
            assert_eq!(matter_of(other), None, "{other}");
        }
    }
}

//! What Slack sends when somebody clicks or submits (its "interaction payloads"). What is
//! not used is left out; new fields of Slack's change nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use sluice_domain::settings::SlackUser;

/// An interaction.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Payload {
    /// A button of a message.
    BlockActions {
        user: User,
        #[serde(default)]
        team: Option<Team>,
        /// With it a dialog can be opened, once and within three seconds.
        #[serde(default)]
        trigger_id: String,
        actions: Vec<Action>,
    },
    /// A dialog that was submitted.
    ViewSubmission {
        user: User,
        #[serde(default)]
        team: Option<Team>,
        view: View,
    },
    /// Anything else: a dialog that was closed.
    #[serde(other)]
    Other,
}

/// Who did it.
#[derive(Debug, Deserialize)]
pub(crate) struct User {
    id: String,
    /// The workspace that they are of. Of a guest of a shared channel it is not the one that
    /// the message is in.
    #[serde(default)]
    team_id: Option<String>,
}

/// The workspace that it was done in.
#[derive(Debug, Deserialize)]
pub(crate) struct Team {
    id: String,
}

/// The button.
#[derive(Debug, Deserialize)]
pub(crate) struct Action {
    pub(crate) action_id: String,
    #[serde(default)]
    pub(crate) value: Option<String>,
}

/// The dialog.
#[derive(Debug, Deserialize)]
pub(crate) struct View {
    /// What was written into it when it was opened.
    pub(crate) private_metadata: String,
    state: ViewState,
}

#[derive(Debug, Deserialize)]
struct ViewState {
    /// By block and element.
    values: BTreeMap<String, BTreeMap<String, Input>>,
}

#[derive(Debug, Deserialize)]
struct Input {
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    selected_options: Vec<Ticked>,
}

#[derive(Debug, Deserialize)]
struct Ticked {
    value: String,
}

impl User {
    /// The person, by IDs that nobody chooses. None: Slack does not say of which workspace
    /// they are.
    pub(crate) fn known(self, team: Option<Team>) -> Option<SlackUser> {
        let team = self.team_id.or(team.map(|team| team.id))?;
        Some(SlackUser {
            team,
            user: self.id,
        })
    }
}

impl View {
    /// What was typed into the block of this name.
    pub(crate) fn typed(&self, block: &str) -> String {
        let inputs = self.state.values.get(block).into_iter().flatten();
        let mut values = inputs.filter_map(|(_, input)| input.value.as_deref());
        values.next().unwrap_or_default().trim().to_owned()
    }

    /// What was ticked in all of its blocks.
    pub(crate) fn ticked(&self) -> Vec<String> {
        let inputs = self.state.values.values().flatten();
        let ticked = inputs.flat_map(|(_, input)| &input.selected_options);
        ticked.map(|option| option.value.clone()).collect()
    }
}

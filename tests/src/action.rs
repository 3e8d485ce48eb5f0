//! `action.yml`: the step of GitHub Actions that releases a bundle.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::text;

/// The action, as far as tests look at it.
#[derive(Debug, Deserialize)]
pub struct Action {
    /// What a workflow gives it.
    pub inputs: BTreeMap<String, Input>,
    /// What it gives back.
    pub outputs: BTreeMap<String, Output>,
    /// What it does.
    pub runs: Runs,
}

/// What a workflow may say.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// What it is, if the workflow does not say it.
    pub default: Option<String>,
}

/// What a workflow may read.
#[derive(Debug, Deserialize)]
pub struct Output {
    /// An expression.
    pub value: String,
}

/// The steps.
#[derive(Debug, Deserialize)]
pub struct Runs {
    /// In order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Default, Deserialize)]
pub struct Step {
    /// What others call it.
    pub id: Option<String>,
    /// The action that it is.
    pub uses: Option<String>,
    /// Or what it runs.
    pub run: Option<String>,
    /// Its variables, expressions among them.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What it gives an action.
    #[serde(default)]
    pub with: BTreeMap<String, String>,
}

impl Action {
    /// Reads it.
    ///
    /// # Panics
    /// When it can't be read.
    #[must_use]
    pub fn read() -> Self {
        serde_yaml_ng::from_str(&text("action.yml")).expect("an action")
    }

    /// The step with this id.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn step(&self, id: &str) -> &Step {
        let steps = &mut self.runs.steps.iter();
        let step = steps.find(|step| step.id.as_deref() == Some(id));
        step.unwrap_or_else(|| panic!("no step `{id}`"))
    }

    /// The variables of a step for these inputs, all others left out.
    ///
    /// # Panics
    /// When a variable is neither a text nor one input.
    #[must_use]
    pub fn variables(&self, step: &Step, given: &[(&str, &str)]) -> BTreeMap<String, String> {
        let value = |text: &String| match input_of(text) {
            None => text.clone(),
            Some(name) => {
                let given = given.iter().find(|(input, _)| *input == name);
                let default = || self.inputs[name].default.clone().unwrap_or_default();
                given.map_or_else(default, |(_, value)| (*value).to_owned())
            }
        };
        let variables = step.env.iter();
        variables
            .map(|(name, text)| (name.clone(), value(text)))
            .collect()
    }
}

/// The input that an expression is, if it is nothing else.
#[must_use]
pub fn input_of(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("${{")?.strip_suffix("}}")?;
    inner.trim().strip_prefix("inputs.")
}

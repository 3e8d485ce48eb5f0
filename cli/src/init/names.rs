//! What names and tags say of a function.

use std::cmp::Ordering;

use super::Function;

/// Tags that people name a function's environment with, the more certain ones first.
const TAGS: [&str; 5] = [
    "sluice:environment",
    "environment",
    "env",
    "stage",
    "stack-env",
];

/// Words for environments in the order in which releases go through them, those that mean
/// the same side by side.
const WORDS: [&[&str]; 6] = [
    &["sandbox"],
    &["dev", "develop", "development"],
    &["int", "integration", "test", "testing"],
    &["qa", "uat"],
    &["stage", "staging", "preprod"],
    &["prod", "production"],
];

/// An environment, at its place on the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its name, as settings may call it.
    pub(super) environment: String,
}

impl Place {
    /// What a function's tags say, or else a word in its name.
    pub(super) fn of(function: &Function) -> Option<Self> {
        let tagged = TAGS.iter().find_map(|wanted| {
            let mut tags = function.tags.iter();
            let (_, value) = tags.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
            Some(plain(value)).filter(|name| !name.is_empty())
        });
        let named = || words(&function.name).find(|word| rank(word).is_some());
        let environment = tagged.or_else(named)?;
        Some(Self { environment })
    }
}

impl Ord for Place {
    /// Known words in their order; before the last of them what no word says, which a
    /// person will put right.
    fn cmp(&self, other: &Self) -> Ordering {
        let unknown = WORDS.len() - 1;
        let key = |place: &Self| match rank(&place.environment) {
            Some(rank) if rank == unknown => (rank, true),
            Some(rank) => (rank, false),
            None => (unknown, false),
        };
        let names = || self.environment.cmp(&other.environment);
        key(self).cmp(&key(other)).then_with(names)
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn rank(word: &str) -> Option<usize> {
    WORDS.iter().position(|same| same.contains(&word))
}

/// The name that manifests are to use: what is left of a function's name without
/// application and environment, or what its template calls it.
pub(super) fn logical_name(application: &str, place: &Place, function: &Function) -> String {
    let in_template = function.tags.get("aws:cloudformation:logical-id");
    if let Some(id) = in_template {
        let id = id
            .strip_suffix("Function")
            .filter(|id| !id.is_empty())
            .unwrap_or(id);
        return or_function(plain(id));
    }
    let application: Vec<String> = words(application).collect();
    let left = words(&function.name)
        .filter(|word| !application.contains(word) && *word != place.environment);
    or_function(plain(&left.collect::<Vec<_>>().join("-")))
}

fn or_function(name: String) -> String {
    if name.is_empty() {
        "function".to_owned()
    } else {
        name
    }
}

/// The words of a name, in small letters: `shop-CheckoutProd` has three.
fn words(name: &str) -> impl Iterator<Item = String> + use<> {
    let mut words = vec![String::new()];
    let mut before_is_small = false;
    for character in name.chars() {
        let starts = character.is_ascii_uppercase() && before_is_small;
        if starts || !character.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if character.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(character.to_ascii_lowercase());
        }
        before_is_small = character.is_ascii_lowercase() || character.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words.into_iter()
}

/// A name as settings take it: small letters, digits and `-`, a letter first, at most 32.
fn plain(text: &str) -> String {
    let joined = words(text).collect::<Vec<_>>().join("-");
    let from = joined.find(|c: char| c.is_ascii_lowercase());
    let name = from.and_then(|from| joined.get(from..)).unwrap_or_default();
    let name = name.get(..name.len().min(32)).unwrap_or_default();
    name.trim_end_matches('-').to_owned()
}

//! JSON of reports.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sluice_domain::evidence::Format;

use crate::{Error, MOST};

/// How many entries all lists of a report together may have: a few for each finding or
/// component. A list of nothing but `{}` would otherwise take a hundred times the
/// memory that its text takes.
const ENTRIES: usize = 5 * MOST;

thread_local! {
    /// How many entries the report that is being read may still have: what is derived of
    /// serde's traits has no other way to hand it down.
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

/// Reads a report. Fields that are not asked for are passed over.
pub(crate) fn parse<T: DeserializeOwned>(format: Format, text: &str) -> Result<T, Error> {
    LEFT.set(ENTRIES);
    // serde_json itself stops at 128 levels.
    serde_json::from_str(text).map_err(|error| Error::broken(format, error))
}

/// Text that may be absent or null.
pub(crate) fn or_empty(text: Option<String>) -> String {
    text.unwrap_or_default()
}

/// A field that may be null as well as absent: some tools write out all that they know
/// of a schema.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list of a report, which counts towards [`ENTRIES`].
pub(crate) struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Entries(PhantomData))
    }
}

/// An object of a report whose keys are data. Its entries count towards [`ENTRIES`].
pub(crate) struct Table<T>(pub(crate) BTreeMap<String, T>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

/// One more entry.
fn count<E: serde::de::Error>() -> Result<(), E> {
    let left = LEFT.get().checked_sub(1);
    LEFT.set(left.ok_or_else(|| {
        E::custom(format_args!(
            "more than {ENTRIES} entries in its lists; split the report"
        ))
    })?);
    Ok(())
}

struct Entries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            count()?;
            list.push(entry);
        }
        Ok(List(list))
    }
}

struct Pairs<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
    type Value = Table<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Table<T>, A::Error> {
        let mut table = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry()? {
            count()?;
            table.insert(key, value);
        }
        Ok(Table(table))
    }
}

/// A number, or text that stands for one. Anything else is passed over.
#[derive(Default)]
pub(crate) struct Number(pub(crate) Option<f64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor).map(Self)
    }
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.trim().parse().ok())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "a score, which is small")]
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "a score, which is small")]
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number as f64))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(entries).map(|_| None)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(entries).map(|_| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "or_default")]
        list: List<IgnoredAny>,
        #[serde(default, deserialize_with = "or_default")]
        number: Number,
    }

    fn sample(text: &str) -> Result<Sample, Error> {
        parse(Format::Sarif, text)
    }

    #[test]
    fn null_is_the_same_as_nothing() {
        for text in ["{}", r#"{"list": null, "number": null}"#] {
            let sample = sample(text).expect("read");
            assert!(sample.list.is_empty() && sample.number.0.is_none());
        }
    }

    #[test]
    fn lists_of_nothing_end_at_a_bound() {
        let list = |entries: usize| format!(r#"{{"list": [1{}]}}"#, ",1".repeat(entries - 1));
        assert!(sample(&list(ENTRIES)).is_ok());
        let error = sample(&list(ENTRIES + 1)).err().expect("refused");
        assert!(error.to_string().contains("split the report"), "{error}");
    }

    #[test]
    fn a_number_is_read_as_text_or_itself_and_nothing_else() {
        let number = |value: &str| {
            let sample = sample(&format!(r#"{{"number": {value}, "list": []}}"#));
            sample.expect("read").number.0
        };
        assert_eq!(
            ["7.5", "\" 7.5 \"", "7", "-1"].map(number),
            [Some(7.5), Some(7.5), Some(7.0), Some(-1.0)]
        );
        assert_eq!(
            ["\"high\"", "true", "[1, {}]", "{\"a\": [1]}"].map(number),
            [None; 4]
        );
    }
}

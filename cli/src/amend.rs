//! Changes settings that others may write at the same time.
//!
//! Parameter Store has no write under a condition, but it counts versions one by one:
//! whoever is answered more than the next number has overwritten somebody else, and
//! makes the change once more, to what they wrote.

use std::future::Future;

use crate::error::{Error, Result};

/// How often others may be faster until it is given up.
const TRIES: usize = 5;

/// The versions of one document.
pub trait Versions {
    /// Writes another one, and answers its number. Writes one more each time.
    fn put(&self, text: &str) -> impl Future<Output = Result<i64>>;

    /// The document at this version. Reads only.
    fn at(&self, version: i64) -> impl Future<Output = Result<String>>;
}

/// Makes a change to the document that was read at this version, and answers the
/// version that has it. What another person wrote meanwhile is kept. Where `change`
/// refuses it, it stands as they wrote it.
///
/// # Errors
/// The refusal of `change`, or that reading or writing failed.
pub async fn amend(
    versions: &impl Versions,
    (mut text, read): (String, i64),
    change: impl Fn(&str) -> Result<String>,
) -> Result<i64> {
    let mut changed = change(&text)?;
    let mut next = read + 1;
    let mut refusal = None;
    for _ in 0..TRIES {
        let written = versions.put(&changed).await?;
        if written == next {
            return refusal.map_or(Ok(written), Err);
        }
        text = versions.at(written - 1).await?;
        next = written + 1;
        (changed, refusal) = match change(&text) {
            Ok(changed) => (changed, None),
            Err(refused) => (text, Some(refused)),
        };
    }
    Err(Error::Refused {
        name: "Throttled".to_owned(),
        message: format!(
            "others wrote the settings at the same time, {TRIES} times over; look at them with `sluice env get`, then ask again"
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A parameter that somebody else writes just before the next writes.
    #[derive(Default)]
    struct Parameter {
        versions: RefCell<Vec<String>>,
        others: RefCell<Vec<&'static str>>,
    }

    impl Parameter {
        fn of(text: &str, others: &[&'static str]) -> Self {
            Self {
                versions: RefCell::new(vec![text.to_owned()]),
                others: RefCell::new(others.iter().rev().copied().collect()),
            }
        }

        fn write(&self, text: &str) -> i64 {
            let mut versions = self.versions.borrow_mut();
            versions.push(text.to_owned());
            i64::try_from(versions.len()).expect("few")
        }

        fn read(&self) -> (String, i64) {
            let versions = self.versions.borrow();
            let text = versions.last().expect("one").clone();
            (text, i64::try_from(versions.len()).expect("few"))
        }
    }

    impl Versions for Parameter {
        async fn put(&self, text: &str) -> Result<i64> {
            let other = self.others.borrow_mut().pop();
            other.map(|other| self.write(other));
            Ok(self.write(text))
        }

        async fn at(&self, version: i64) -> Result<String> {
            let place = usize::try_from(version - 1).expect("a version");
            Ok(self.versions.borrow()[place].clone())
        }
    }

    /// A document that is frozen ends with `!` and who did it.
    fn freeze(by: &str) -> impl Fn(&str) -> Result<String> {
        move |text: &str| match text.split_once('!') {
            None => Ok(format!("{text}!{by}")),
            Some((_, other)) => Err(Error::Absent(format!("frozen by {other}"))),
        }
    }

    async fn frozen(by: &str, parameter: &Parameter, read: (String, i64)) -> (String, String) {
        let amended = amend(parameter, read, freeze(by)).await;
        let told = amended.map_or_else(|error| error.to_string(), |version| version.to_string());
        (parameter.read().0, told)
    }

    #[tokio::test]
    async fn what_nobody_else_writes_is_written_once() {
        let parameter = Parameter::of("settings", &[]);
        let there = frozen("ada", &parameter, parameter.read()).await;
        assert_eq!(there, ("settings!ada".to_owned(), "2".to_owned()));
    }

    #[tokio::test]
    async fn settings_that_somebody_else_wrote_meanwhile_are_kept_and_changed() {
        let parameter = Parameter::of("settings", &["mended"]);
        let there = frozen("ada", &parameter, parameter.read()).await;
        assert_eq!(there, ("mended!ada".to_owned(), "4".to_owned()));
        let parameter = Parameter::of("settings", &["mended", "mended again"]);
        let there = frozen("ada", &parameter, parameter.read()).await;
        assert_eq!(there, ("mended again!ada".to_owned(), "6".to_owned()));
    }

    #[tokio::test]
    async fn of_two_who_ask_for_the_same_the_first_to_write_stays_whoever_read_first() {
        for (first, second) in [("ada", "grace"), ("grace", "ada")] {
            let parameter = Parameter::of("settings", &[]);
            let (of_first, of_second) = (parameter.read(), parameter.read());
            let by_first = format!("settings!{first}");
            let there = frozen(first, &parameter, of_first).await;
            assert_eq!(there, (by_first.clone(), "2".to_owned()));
            let there = frozen(second, &parameter, of_second).await;
            assert_eq!(there.0, by_first);
            assert!(
                there.1.contains(&format!("frozen by {first}")),
                "{}",
                there.1
            );
        }
    }

    #[tokio::test]
    async fn who_is_overtaken_again_and_again_gives_up_and_says_so() {
        let parameter = Parameter::of("settings", &["x"; TRIES]);
        let (_, told) = frozen("ada", &parameter, parameter.read()).await;
        assert!(told.contains("5 times over"), "{told}");
    }
}

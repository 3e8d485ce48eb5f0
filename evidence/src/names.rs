//! Names of a package's entries: what each becomes when it is unpacked, and whether two
//! become the same.

use std::collections::BTreeSet;

use crate::text::brief;

/// A name without steps that lead nowhere (`./a//b` is `a/b`). None where one leads up:
/// where that ends is up to who unpacks.
pub(crate) fn plain(name: &str) -> Option<String> {
    let steps = name.split('/').filter(|step| !matches!(*step, "" | "."));
    let mut plain = String::with_capacity(name.len());
    for step in steps {
        if step == ".." {
            return None;
        }
        if !plain.is_empty() {
            plain.push('/');
        }
        plain.push_str(step);
    }
    Some(plain)
}

/// Places that two entries want, or that one wants to be a file and another a folder:
/// which of them is unpacked is up to who unpacks.
pub(crate) fn clashes(
    files: &BTreeSet<String>,
    folders: &BTreeSet<String>,
    twice: &BTreeSet<String>,
) -> impl Iterator<Item = String> {
    let twice = twice
        .iter()
        .map(|name| format!("`{}` is there twice, spelled differently", brief(name)));
    let inside = files.iter().chain(folders).filter_map(|name| {
        let above = name.rmatch_indices('/').map(|(at, _)| &name[..at]);
        above.into_iter().find(|above| files.contains(*above))
    });
    let both = folders.iter().map(String::as_str);
    let both = both.filter(|name| files.contains(*name));
    let both: BTreeSet<&str> = both.chain(inside).collect();
    let both = both
        .into_iter()
        .map(|name| format!("`{}` is both a file and a folder", brief(name)))
        .collect::<Vec<_>>();
    twice.collect::<Vec<_>>().into_iter().chain(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_has_no_steps_that_lead_nowhere() {
        for (name, expected) in [
            ("bootstrap", Some("bootstrap")),
            ("./bootstrap", Some("bootstrap")),
            ("a//./b/", Some("a/b")),
            ("a/../b", None),
            ("..", None),
        ] {
            assert_eq!(plain(name).as_deref(), expected, "{name}");
        }
    }
}

//! Symbolic links of a package: whether each stays within it.

use std::collections::{BTreeMap, BTreeSet};

use crate::text::brief;

/// Symbolic links and what they point at, by their names.
#[derive(Default)]
pub(crate) struct Links(BTreeMap<String, String>);

impl Links {
    /// Keeps one. Whether it is the first of its name.
    pub(crate) fn add(&mut self, name: String, target: String) -> bool {
        self.0.insert(name, target).is_none()
    }

    /// What is wrong with those that lead out, or that may.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        let names: BTreeSet<&str> = self.0.keys().map(String::as_str).collect();
        let all = self.0.iter();
        all.filter(move |(name, target)| !stays_inside(name, target, &names))
            .map(|(name, target)| {
                let (name, target) = (brief(name), brief(target));
                format!("the symbolic link `{name}` leads out of the package, to `{target}`")
            })
    }
}

/// Whether a relative path from where an entry lies never climbs above the package.
///
/// `..` after a link is above what the link points at, which its name does not tell: so
/// it is taken for leading out. Without that, each link that stays inside by its name
/// does so in truth, and so does what leads through it.
fn stays_inside(name: &str, target: &str, links: &BTreeSet<&str>) -> bool {
    let mut place = Place::default();
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = folder.split('/').chain(target.split('/'));
    let mut steps = path.filter(|step| !matches!(*step, "" | "."));
    !target.starts_with('/')
        && steps.all(|step| match step {
            ".." => place.climb(),
            step => {
                place.enter(step, links);
                true
            }
        })
}

/// A folder of the package, while a path is followed.
#[derive(Default)]
struct Place {
    path: String,
    /// How long the path was before each of its steps.
    before: Vec<usize>,
    /// How many steps lead to the first link on the way, if there is one.
    linked: Option<usize>,
}

impl Place {
    fn enter(&mut self, step: &str, links: &BTreeSet<&str>) {
        self.before.push(self.path.len());
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(step);
        if self.linked.is_none() && links.contains(self.path.as_str()) {
            self.linked = Some(self.before.len());
        }
    }

    /// Goes up, if that is known to lead to what the path says.
    fn climb(&mut self) -> bool {
        match (self.linked, self.before.pop()) {
            (None, Some(before)) => {
                self.path.truncate(before);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leading_out(links: &[(&str, &str)]) -> Vec<String> {
        let mut all = Links::default();
        for (name, target) in links {
            all.add((*name).to_owned(), (*target).to_owned());
        }
        all.problems().collect()
    }

    #[test]
    fn a_link_through_a_link_leads_out_where_it_climbs() {
        for links in [
            &[("p", "."), ("q", "p/p/../../etc")][..],
            &[("p", "."), ("p/q", "../etc")],
            &[("a/b/p", "../.."), ("q", "a/b/p/../etc")],
        ] {
            assert_eq!(leading_out(links).len(), 1, "{links:?}");
        }
    }

    #[test]
    fn links_as_package_managers_make_them_stay_inside() {
        let links = [
            ("node_modules/.bin/tsc", "../typescript/bin/tsc"),
            ("node_modules/a", ".pnpm/a@1/node_modules/a"),
            (
                "node_modules/.pnpm/a@1/node_modules/b",
                "../../b@1/node_modules/b",
            ),
            ("lib/libz.so", "./libz.so.1"),
            ("lib/libz.so.1", "libz.so.1.3"),
        ];
        assert_eq!(leading_out(&links), Vec::<String>::new());
    }
}

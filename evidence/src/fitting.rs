//! Whether a package is one that its function can run.

use std::fmt;

use sluice_domain::evidence::{Check, listed};

use crate::package::{Bootstrap, Machine, Package, PackageError};

/// What a function's package must fit. What is None is not known, and not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fitting {
    /// `x86_64` or `arm64`.
    pub architecture: Option<String>,
    /// `index.handler`.
    pub handler: Option<String>,
    /// `nodejs22.x`, `provided.al2023`.
    pub runtime: Option<String>,
    /// It has layers: what the runtime starts may lie in one of them.
    pub has_layers: bool,
}

/// As `provided.al2023 on arm64`.
impl fmt::Display for Fitting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runtime = self.runtime.as_deref().unwrap_or("any runtime");
        let architecture = self.architecture.as_deref().unwrap_or("any machine");
        write!(f, "{runtime} on {architecture}")
    }
}

/// Checks a function's package.
#[must_use]
pub(crate) fn fits(
    function: &str,
    looked: &Result<Package, PackageError>,
    fitting: &Fitting,
) -> Check {
    let expected =
        format!("a zip file within Lambda's limits, with what `{function}` runs ({fitting})");
    match looked {
        Err(error) => Check::of("package", false, error.to_string(), expected),
        Ok(package) => {
            let mut problems = package.problems.clone();
            problems.extend(entry_point(package, fitting));
            let found = match problems.as_slice() {
                [] => format!(
                    "{} files, {} bytes unpacked",
                    package.files, package.unpacked
                ),
                problems => listed(problems),
            };
            Check::of("package", problems.is_empty(), found, expected)
        }
    }
}

/// What is wrong with what the runtime starts.
fn entry_point(package: &Package, fitting: &Fitting) -> Option<String> {
    let runtime = fitting.runtime.as_deref();
    let is_custom = runtime.is_some_and(|runtime| runtime.starts_with("provided"));
    match package.bootstrap {
        // A runtime of Lambda's own does not start it.
        Some(bootstrap) if is_custom || runtime.is_none() => custom(bootstrap, fitting),
        None if is_custom && !fitting.has_layers => {
            Some("no `bootstrap` at its root, which the runtime starts".to_owned())
        }
        _ if is_custom || fitting.has_layers => None,
        _ => handler(package, fitting.handler.as_deref()?, runtime?),
    }
}

fn custom(bootstrap: Bootstrap, fitting: &Fitting) -> Option<String> {
    if bootstrap.mode.is_some_and(|mode| mode & 0o111 == 0) {
        return Some("`bootstrap` is not executable: set its mode to 755".to_owned());
    }
    let found = bootstrap.machine.map(Machine::name)?;
    let expected = fitting.architecture.as_deref()?;
    (found != expected).then(|| {
        format!("`bootstrap` is compiled for {found}, and the function runs on {expected}")
    })
}

/// Looks for the file of a handler, where the runtime's rules for it are simple: Python
/// takes what follows the last dot for the function, Node.js and Ruby what follows the
/// first dot of the file's name.
fn handler(package: &Package, handler: &str, runtime: &str) -> Option<String> {
    let is = |family: &str| runtime.starts_with(family);
    let (module, ending) = match () {
        () if is("python") => (handler.rsplit_once('.')?.0, "py"),
        () if is("nodejs") => (up_to_first_dot(handler)?, "js"),
        () if is("ruby") => (up_to_first_dot(handler)?, "rb"),
        () => return None,
    };
    // Python's modules may be written with dots, and be packages. Any of them may be
    // compiled, and end otherwise.
    let paths = [module.to_owned(), module.replace('.', "/")];
    let is_there = |path: &String| {
        let starts = [format!("{path}."), format!("{path}/__init__.")];
        starts.iter().any(|start| package.has_one_like(start))
    };
    (!paths.iter().any(is_there))
        .then(|| format!("no file for the handler `{handler}`, such as `{module}.{ending}`"))
}

/// A handler's path, up to the first dot of the file's name.
fn up_to_first_dot(handler: &str) -> Option<&str> {
    let name = handler.rfind('/').map_or(0, |at| at + 1);
    let dot = handler[name..].find('.')?;
    handler.get(..name + dot)
}

#[cfg(test)]
#[path = "fitting_tests.rs"]
mod tests;

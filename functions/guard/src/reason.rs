//! Why a promotion ended.

pub(crate) use sluice_domain::cause::sentence;

/// Why a promotion never began, from what kept it from that.
pub(crate) fn not_begun(why: Option<&str>) -> String {
    let begun = "NotBegun: it could not be started, or its execution ended before its first step";
    match why {
        Some(why) => format!("{begun}: {why}"),
        None => begun.to_owned(),
    }
}

/// Why a promotion ended, and that something of it may go on: a database that can't be
/// reached holds up no end.
pub(crate) fn with_unfenced(why: Option<String>, unfenced: Option<&str>) -> Option<String> {
    let Some(found) = sentence(unfenced, None) else {
        return why;
    };
    let said = format!("a migration may still run in the database: {found}");
    match why {
        Some(why) => Some(format!("{why}; {said}")),
        None => Some(said),
    }
}

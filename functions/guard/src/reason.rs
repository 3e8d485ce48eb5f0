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

//! Names that must be the same whenever the same thing is asked for twice.

use semver::Version;

use crate::digest::Digest;
use crate::promotion::PromotionId;
use crate::suites::{Stage, Subject};
use crate::test_run::TestRun;

/// Step Functions takes names of at most this many characters.
const LONGEST: usize = 80;

/// The longest name of an application, in characters.
const LONGEST_APPLICATION: usize = 32;

/// What the name of an application is, for people.
pub const APPLICATION: &str = "1 to 32 of a-z, 0-9 and `-`, starting with a letter";

/// Whether this can be the name of an application: it becomes part of keys, paths and
/// the ledger's chains.
#[must_use]
pub fn is_application(name: &str) -> bool {
    is_plain(name, LONGEST_APPLICATION)
}

/// Whether this is so short a name of `a-z`, `0-9` and `-` that starts with a letter.
pub(crate) fn is_plain(name: &str, longest: usize) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= longest
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && name.bytes().all(is_plain)
}

/// A function's bare name: settings may name it by its ARN.
#[must_use]
pub fn function_name(name_or_arn: &str) -> &str {
    name_or_arn.rsplit(':').next().unwrap_or_default()
}

/// The region in an ARN. None: it has none, or is no ARN.
#[must_use]
pub fn region(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let region = parts.nth(3).filter(|region| !region.is_empty())?;
    arn.starts_with("arn:").then_some(region)
}

/// The alias or the version that a function's ARN names. None: the function as such.
#[must_use]
pub fn qualifier(arn: &str) -> Option<&str> {
    arn.split(':').nth(7)
}

/// The name of a `release` execution: application, version, bundle digest, attempt.
#[must_use]
pub fn release_execution(
    application: &str,
    version: &Version,
    digest: &Digest,
    attempt: u32,
) -> String {
    name(
        application,
        &version.to_string(),
        &format!("{}-{attempt}", digest.short()),
    )
}

/// The name of a `promote` execution, and of its `rollout`.
#[must_use]
pub fn promotion_execution(id: &PromotionId, digest: &Digest) -> String {
    let subject = format!("{}-{}", id.application, id.environment);
    name(
        &subject,
        &id.version.to_string(),
        &format!("{}-{}", digest.short(), id.attempt),
    )
}

/// The name of the execution in which a state machine runs a suite for a promotion:
/// the suite, its stage, and a piece of the digest of what is tested.
#[must_use]
pub fn suite_execution(subject: Subject<'_>, stage: Stage, suite: &str) -> String {
    let Subject {
        promotion, bundle, ..
    } = subject;
    let tested = match subject.run {
        None => format!("{promotion} {bundle}"),
        Some(run) => format!("{promotion} {bundle} {run}"),
    };
    let tested = Digest::of(tested.as_bytes());
    format!("{suite}-{stage}-{}", &tested.hex()[..16])
}

/// What the name of each backup begins with. The template lets no snapshot be made or
/// deleted that is called otherwise.
pub const BACKUP_PREFIX: &str = "sluice-";

/// The name of the backup that is made before a promotion migrates: of letters, digits and
/// single hyphens, as RDS takes them, and cut well below the 63 characters that servers
/// have (RDS user guide, `CreateDBSnapshot`: at most 255 for a snapshot).
#[must_use]
pub fn backup(id: &PromotionId) -> String {
    of_rds(BACKUP_PREFIX, id, 48)
}

/// What the name of each copy begins with on which migrations are tried. The template lets
/// no server be made or deleted that is called otherwise.
pub const REHEARSAL_PREFIX: &str = "sluice-rehearsal-";

/// The name of the copy on which a promotion's migrations are tried: of letters, digits and
/// single hyphens, and with `-1` behind it at most 63 characters, as servers have them.
#[must_use]
pub fn rehearsal(id: &PromotionId) -> String {
    of_rds(REHEARSAL_PREFIX, id, 32)
}

/// The prefix, as many characters of the promotion, and a piece of its digest.
fn of_rds(prefix: &str, id: &PromotionId, most: usize) -> String {
    let whole = id.to_string();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let words: String = whole.to_ascii_lowercase().chars().map(plain).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let words: String = words.join("-").chars().take(most).collect();
    let digest = Digest::of(whole.as_bytes());
    format!(
        "{prefix}{}-{}",
        words.trim_end_matches('-'),
        &digest.hex()[..8]
    )
}

/// The longest name of a server that can be restored: RDS takes 63 characters
/// (RDS user guide, "Quotas and constraints"), and [`beside`] appends to it.
pub const LONGEST_SERVER: usize = 43;

/// What Sluice calls servers that stand beside another one while it is restored, and
/// after it: the name of the template's permissions, too.
pub const BESIDE: &str = "-sluice-";

/// The names of the servers beside one that is put back to a backup: of the new one until
/// it takes the name, and of the old one from then on. The same whenever the same restore
/// is gone on with.
#[must_use]
pub fn beside(server: &str, origin: &PromotionId, backup: &str) -> Beside {
    let digest = Digest::of(format!("{origin} {backup}").as_bytes());
    let short = &digest.hex()[..8];
    Beside {
        new: format!("{server}{BESIDE}{short}-new"),
        old: format!("{server}{BESIDE}{short}-old"),
        writer: format!("{server}{BESIDE}{short}-1"),
    }
}

/// The names of servers beside one that is put back to a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// The restored one, until it takes the name.
    pub new: String,
    /// The one that had the name before.
    pub old: String,
    /// The writer of a restored cluster.
    pub writer: String,
}

/// The name of a `suites` execution: application, environment, minute.
#[must_use]
pub fn test_execution(run: &TestRun) -> String {
    name(&run.application, &run.environment, &run.name())
}

/// The ARN that the execution of this name has or will have:
/// `arn:aws:states:<region>:<account>:stateMachine:<machine>`, with or without
/// a version or alias behind it, names executions
/// `arn:aws:states:<region>:<account>:execution:<machine>:<name>`.
#[must_use]
pub fn execution_arn(machine: &str, name: &str) -> String {
    let unqualified: Vec<&str> = machine.split(':').take(7).collect();
    let kind = unqualified
        .join(":")
        .replacen(":stateMachine:", ":execution:", 1);
    format!("{kind}:{name}")
}

/// `subject-version-tail`. Where the whole would be too long, subject and version
/// are cut, and a piece of the whole name's digest keeps such names apart.
fn name(subject: &str, version: &str, tail: &str) -> String {
    let version = version.replace('+', "_");
    let whole = format!("{subject}-{version}-{tail}");
    if whole.len() <= LONGEST {
        return whole;
    }
    let tail = format!("{}-{tail}", &Digest::of(whole.as_bytes()).hex()[..8]);
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let subject = cut(subject, 32);
    let room = LONGEST - subject.len() - tail.len() - 2;
    format!("{subject}-{}-{tail}", cut(&version, room))
}

#[cfg(test)]
mod tests {
    use crate::journal::Versions;

    use super::*;

    #[test]
    fn a_functions_region_stands_in_its_arn() {
        let arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:checkout";
        assert_eq!(region(arn), Some("cn-north-1"));
        for none in ["checkout", "arn:aws:iam::123456789012:role/r", "a:b:c:d:e"] {
            assert_eq!(region(none), None, "{none}");
        }
    }

    #[test]
    fn an_arn_names_the_alias_or_the_version_after_the_function() {
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:intake";
        assert_eq!(qualifier(function), None);
        for name in ["people", "7"] {
            assert_eq!(qualifier(&format!("{function}:{name}")), Some(name));
        }
    }

    #[test]
    fn an_application_has_a_name_that_keys_and_paths_can_hold() {
        for name in ["a", "shop", "shop-2", &"a".repeat(32)] {
            assert!(is_application(name), "{name}");
        }
        for name in [
            "",
            "2shop",
            "-",
            "Shop",
            "shop/prod",
            "shop\nprod",
            &"a".repeat(33),
        ] {
            assert!(!is_application(name), "{name}");
        }
    }

    #[test]
    fn the_same_release_always_has_the_same_name_and_another_attempt_another_one() {
        let digest = Digest::of(b"bundle");
        let version = Version::new(1, 1, 0);
        let name = release_execution("storefront", &version, &digest, 1);
        assert_eq!(name, format!("storefront-1.1.0-{}-1", digest.short()));
        assert_eq!(name, release_execution("storefront", &version, &digest, 1));
        assert_ne!(name, release_execution("storefront", &version, &digest, 2));
    }

    #[test]
    fn a_backup_has_a_name_that_rds_takes_and_no_other_promotion_has() {
        let id = |text: &str| text.parse::<PromotionId>().expect("a promotion");
        let name = backup(&id("shop/prod/1.4.0-rc.1+build.7/2"));
        assert!(
            name.starts_with("sluice-shop-prod-1-4-0-rc-1-build-7-2-"),
            "{name}"
        );
        assert_ne!(
            backup(&id("shop/prod/1.4.0-1/2")),
            backup(&id("shop/prod/1.4.0+1/2"))
        );
        let long = format!("{}/prod/1.0.0-{}/1", "a".repeat(32), "x".repeat(80));
        let name = backup(&id(&long));
        assert!(name.len() <= 64 && !name.contains("--"), "{name}");
    }

    #[test]
    fn a_suite_runs_once_for_each_attempt_and_stage_and_once_in_each_run_on_a_schedule() {
        let id = |attempt| PromotionId {
            application: "shop".to_owned(),
            environment: "prod".to_owned(),
            version: Version::new(1, 0, 0),
            attempt,
        };
        let longest = "e".repeat(32);
        let name = |attempt, stage, run| {
            let subject = Subject {
                promotion: &id(attempt),
                bundle: &Digest::of(b"bundle"),
                versions: &Versions::new(),
                run,
            };
            suite_execution(subject, stage, &longest)
        };
        let first = name(1, Stage::New, None);
        assert_eq!(first, name(1, Stage::New, None));
        assert_ne!(first, name(2, Stage::New, None));
        assert_ne!(first, name(1, Stage::Live, None));
        let nightly = |run| name(1, Stage::Scheduled, Some(run));
        assert_eq!(nightly("20261102T0200Z"), nightly("20261102T0200Z"));
        assert_ne!(nightly("20261102T0200Z"), nightly("20261103T0200Z"));
        assert!(nightly("20261102T0200Z").len() <= LONGEST);
        assert!(first.starts_with(&format!("{longest}-new-")) && first.len() <= LONGEST);
    }

    #[test]
    fn a_copys_name_is_one_that_servers_can_have() {
        let id = |attempt| PromotionId {
            application: "a".repeat(32),
            environment: "e".repeat(32),
            version: "1.0.0-rc.1+b".parse().expect("valid"),
            attempt,
        };
        let name = rehearsal(&id(1));
        assert!(
            name.starts_with(REHEARSAL_PREFIX) && name.len() <= 61,
            "{name}"
        );
        assert!(!name.contains("--") && !name.ends_with('-'), "{name}");
        assert_ne!(name, rehearsal(&id(2)));
    }

    #[test]
    fn executions_are_named_after_their_machine_whatever_qualifies_it() {
        let expected = "arn:aws:states:eu-west-1:123456789012:execution:sluice-release:shop-1";
        for machine in ["sluice-release", "sluice-release:7", "sluice-release:live"] {
            let machine = format!("arn:aws:states:eu-west-1:123456789012:stateMachine:{machine}");
            assert_eq!(execution_arn(&machine, "shop-1"), expected);
        }
    }

    #[test]
    fn long_versions_are_shortened_to_what_step_functions_takes() {
        let version: Version = format!("1.0.0-{}+b", "x".repeat(200))
            .parse()
            .expect("valid");
        let id = PromotionId {
            application: "a".repeat(32),
            environment: "e".repeat(32),
            version: version.clone(),
            attempt: 999,
        };
        for name in [
            release_execution(&"a".repeat(32), &version, &Digest::of(b""), 1),
            promotion_execution(&id, &Digest::of(b"")),
        ] {
            assert!(name.len() <= 80, "{name}");
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
                "{name}"
            );
        }
    }

    #[test]
    fn environments_that_only_differ_at_their_end_keep_different_names() {
        let names = ["production-europe", "production-europa"].map(|environment| {
            let id = PromotionId {
                application: "a".repeat(32),
                environment: environment.to_owned(),
                version: Version::new(1, 0, 0),
                attempt: 1,
            };
            promotion_execution(&id, &Digest::of(b""))
        });
        assert!(names.iter().all(|name| name.len() <= 80), "{names:?}");
        assert_ne!(names[0], names[1]);
    }
}

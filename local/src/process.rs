//! Processes that outlive the command that started them, told apart by more
//! than a number: a process id is reused, so its start time is kept with it.
//!
//! Each one leads a process group, so what it starts itself ends with it. A
//! group is only signalled while its leader is known to be the one that was
//! started, or by the process that started it and has not yet reaped it.

use std::{fs, path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::{Error, Result};

const AFTER_KILL: Duration = Duration::from_secs(5);

/// The leader of a process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its process id, which is also the id of its group.
    pub pid: i32,
    /// When it started, in the kernel's ticks since boot.
    pub started: u64,
}

impl Process {
    /// The process with this id, if there is one.
    #[must_use]
    pub fn find(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        stat(pid).map(|stat| Self {
            pid,
            started: stat.started,
        })
    }

    /// Whether it still runs. A zombie does not.
    #[must_use]
    pub fn runs(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.started == self.started && stat.state != 'Z')
    }

    /// Asks the group to end, waits for `grace`, then ends it.
    ///
    /// A process that has gone already is fine, and so is one whose id now
    /// belongs to somebody else: that one is left alone.
    pub async fn stop(&self, grace: Duration) -> Result<()> {
        let is_ours = stat(self.pid).is_some_and(|stat| stat.started == self.started);
        let Some(group) = Pid::from_raw(self.pid).filter(|_| is_ours) else {
            return Ok(());
        };
        // An error here means that the group has gone: what the wait looks for.
        let _ = kill_process_group(group, Signal::TERM);
        if !self.ended_within(group, grace).await {
            let _ = kill_process_group(group, Signal::KILL);
            if !self.ended_within(group, AFTER_KILL).await {
                return Err(Error::Unkillable {
                    pid: self.pid,
                    seconds: AFTER_KILL.as_secs(),
                });
            }
        }
        Ok(())
    }

    /// Ends the group at once, without waiting: for when there is no time left.
    pub fn kill(&self) {
        let is_ours = stat(self.pid).is_some_and(|stat| stat.started == self.started);
        if let Some(group) = Pid::from_raw(self.pid).filter(|_| is_ours) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    async fn ended_within(&self, group: Pid, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let group_is_empty = test_kill_process_group(group).is_err();
            if group_is_empty || (!self.runs() && only_zombies(self.pid)) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

struct Stat {
    state: char,
    group: i32,
    started: u64,
}

/// Reads `/proc/<pid>/stat`. The name in it may hold spaces and brackets, so
/// fields are counted from the last closing bracket.
fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text
        .get(text.rfind(')')? + 1..)?
        .split_whitespace()
        .collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

fn only_zombies(group: i32) -> bool {
    let Ok(entries) = fs::read_dir(Path::new("/proc")) else {
        return true;
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(stat)
        .all(|stat| stat.group != group || stat.state == 'Z')
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::*;

    #[tokio::test]
    async fn stopping_a_process_ends_its_whole_group() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 600 & sleep 600 & wait"])
            .process_group(0)
            .spawn()
            .unwrap();
        let process = Process::find(child.id()).unwrap();
        assert!(process.runs());

        process.stop(Duration::from_secs(5)).await.unwrap();

        assert!(!process.runs());
        assert!(only_zombies(process.pid));
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_request_is_ended_anyway() {
        let mut child = Command::new("sh")
            .args(["-c", "trap '' TERM; while :; do sleep 0.05; done"])
            .process_group(0)
            .spawn()
            .unwrap();
        let process = Process::find(child.id()).unwrap();

        process.stop(Duration::from_millis(100)).await.unwrap();

        assert!(!process.runs());
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn a_process_id_that_was_reused_is_left_alone() {
        let mut child = Command::new("sleep")
            .arg("600")
            .process_group(0)
            .spawn()
            .unwrap();
        let process = Process::find(child.id()).unwrap();
        let former = Process {
            started: process.started - 1,
            ..process
        };

        former.stop(Duration::from_secs(1)).await.unwrap();

        assert!(process.runs());
        process.stop(Duration::from_secs(5)).await.unwrap();
        child.wait().unwrap();
    }
}

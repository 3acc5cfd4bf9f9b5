//! What a process and its descendants have used, as Linux tells it in `/proc`. A server's work
//! may be done by others than the one that was started: Easel draws in workers, nginx serves
//! from them.

use std::{fs, io, time::Duration};

use super::fault::BenchError;

/// A process and all that it has started.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProcessTree {
    pub(super) root: u32,
}

/// What one line of `/proc/<pid>/stat` says (proc_pid_stat(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// Of its own, and of children that have ended and were waited for, in clock ticks.
    ticks: u64,
}

fn stat(line: &str) -> Option<Stat> {
    // The name may hold anything, spaces and brackets too; nothing after it can.
    let (_, fields) = line.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)? + number(15)? + number(16)? + number(17)?;
    Some(Stat { parent: u32::try_from(number(4)?).ok()?, ticks })
}

fn read(pid: u32) -> io::Result<Stat> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    stat(&line).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

impl ProcessTree {
    /// The tree that this program is the root of.
    pub(super) fn own() -> Self {
        Self { root: std::process::id() }
    }

    /// The processor time of all of it, those that have ended included.
    pub(super) fn cpu(self) -> Result<Duration, BenchError> {
        let ticks: u64 =
            self.processes().map_err(self.fault())?.iter().map(|(_, stat)| stat.ticks).sum();
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
    }

    /// The memory of all of it, in bytes; pages that processes share count once (PSS).
    pub(super) fn memory(self) -> Result<u64, BenchError> {
        self.resident().map_err(self.fault())
    }

    fn fault(self) -> impl FnOnce(io::Error) -> BenchError {
        move |source| BenchError::Process { pid: self.root, source }
    }

    fn resident(self) -> io::Result<u64> {
        let mut bytes = 0;
        for (pid, _) in self.processes()? {
            let rollup = match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
                // It has ended since, and has no memory any more.
                Err(_) if pid != self.root && read(pid).is_err() => continue,
                rollup => rollup?,
            };
            let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kilobytes = pss.and_then(|pss| pss.trim().trim_end_matches(" kB").parse().ok());
            bytes += kilobytes.unwrap_or(0_u64) * 1024;
        }
        Ok(bytes)
    }

    fn processes(self) -> io::Result<Vec<(u32, Stat)>> {
        let mut found = vec![(self.root, read(self.root)?)];
        // One that ends while we look is no error: its parent has its time then.
        let mut others: Vec<(u32, Stat)> = fs::read_dir("/proc")?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, read(pid).ok()?)))
            .collect();
        let mut looked_at = 0;
        while let Some((parent, _)) = found.get(looked_at) {
            let parent = *parent;
            let is_child = |(_, stat): &mut (u32, Stat)| stat.parent == parent;
            found.extend(others.extract_if(.., is_child).collect::<Vec<_>>());
            looked_at += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_name_cannot_pass_for_numbers() {
        let line = "7 (a) R 9 (b)) S 3 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 99";
        assert_eq!(stat(line), Some(Stat { parent: 3, ticks: 100 }));
        assert_eq!(stat("7 (short) S 3"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_tree_has_its_children() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let tree = ProcessTree::own();
        let pids: Vec<u32> = tree.processes().unwrap().into_iter().map(|(pid, _)| pid).collect();
        assert!(pids.contains(&std::process::id()) && pids.contains(&child.id()), "{pids:?}");
        assert!(tree.memory().unwrap() > 0);
        tree.cpu().unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(ProcessTree { root: child.id() }.cpu().is_err());
    }
}

//! What a process costs, as Linux tells it under `/proc`.

use std::fs;
use std::time::{Duration, Instant};

/// Ticks a second of the times in `/proc/PID/stat`: `USER_HZ`, the same on every kernel that is
/// met today (proc(5)).
const TICKS_PER_SECOND: u64 = 100;

/// The processor time a process has used, in user mode and in the kernel, all threads together.
///
/// # Errors
/// When there is no such process, or no `/proc`.
pub fn cpu(pid: u32) -> Result<Duration, String> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).map_err(|fault| format!("{path}: {fault}"))?;
    cpu_in(&stat).ok_or_else(|| format!("{path} is not as proc(5) says"))
}

/// Fields 14 and 15; the second field is a name that may hold anything, in parentheses.
fn cpu_in(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * (1_000 / TICKS_PER_SECOND)))
}

/// The memory of a process that is in RAM, in bytes.
///
/// # Errors
/// As [`cpu`].
pub fn resident_bytes(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).map_err(|fault| format!("{path}: {fault}"))?;
    resident_in(&status).ok_or_else(|| format!("{path} is not as proc(5) says"))
}

fn resident_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

/// How many descriptors this process, and the server it starts, may open.
pub fn descriptors() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// A stretch of time, and what the server and this generator used in it.
pub struct Stretch {
    server: u32,
    began: Instant,
    server_cpu: Duration,
    own_cpu: Duration,
}

/// What a [`Stretch`] came to.
pub struct Spent {
    /// Seconds of the clock.
    pub seconds: f64,
    /// Processor seconds of the server; at least one tick, for it is divided by.
    pub server_cpu_s: f64,
    /// Processor seconds of the generator.
    pub own_cpu_s: f64,
}

impl Stretch {
    /// Begins now.
    ///
    /// # Errors
    /// As [`cpu`].
    pub fn begin(server: u32) -> Result<Self, String> {
        let (server_cpu, own_cpu) = (cpu(server)?, cpu(std::process::id())?);
        Ok(Self { server, began: Instant::now(), server_cpu, own_cpu })
    }

    /// What was spent until now.
    ///
    /// # Errors
    /// As [`cpu`].
    pub fn end(&self) -> Result<Spent, String> {
        let seconds = self.began.elapsed().as_secs_f64();
        let server = cpu(self.server)?.saturating_sub(self.server_cpu).as_secs_f64();
        let own = cpu(std::process::id())?.saturating_sub(self.own_cpu).as_secs_f64();
        Ok(Spent { seconds, server_cpu_s: server.max(0.01), own_cpu_s: own })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_spaces_and_parentheses() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4 10 0 0 0 120 30 0 0 20 0 3 0 55 0 0";
        assert_eq!(cpu_in(stat), Some(Duration::from_millis(1_500)));
        assert_eq!(cpu_in("7 (a"), None);
    }

    #[test]
    fn resident_memory_is_told_in_kibibytes() {
        let status = "Name:\tswitchboard\nVmHWM:\t   99 kB\nVmRSS:\t    12 kB\nThreads:\t3\n";
        assert_eq!(resident_in(status), Some(12_288));
        assert_eq!(resident_in("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_memory_and_descriptors() {
        assert!(resident_bytes(std::process::id()).unwrap() > 0);
        assert!(cpu(std::process::id()).is_ok());
        assert!(descriptors().unwrap() > 0);
    }
}

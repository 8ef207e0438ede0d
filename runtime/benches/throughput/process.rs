//! What procfs says of this process and of the machine; NaN where there is none.

use std::fs::read_to_string;

/// Procfs counts CPU time in hundredths of a second.
const TICKS_PER_S: f64 = 100.0;

/// CPU time of the whole process, every thread, in seconds.
pub(crate) fn cpu_s() -> f64 {
    let stat = read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, in brackets, may contain spaces; user and system time are the 14th and 15th.
    let fields = numbers(stat.rsplit(')').next().unwrap_or_default());
    fields.get(10..12).map_or(f64::NAN, |times| times.iter().sum::<f64>() / TICKS_PER_S)
}

/// CPU time of the whole machine, in seconds: user, nice, system, both interrupts, and what the host has taken away.
pub(crate) fn machine_cpu_s() -> f64 {
    let stat = read_to_string("/proc/stat").unwrap_or_default();
    let fields = numbers(stat.lines().next().unwrap_or_default());
    let busy = [0, 1, 2, 5, 6, 7].map(|field| fields.get(field).copied().unwrap_or(f64::NAN));
    busy.iter().sum::<f64>() / TICKS_PER_S
}

/// A memory figure of the process, such as `VmHWM`, in MiB.
pub(crate) fn memory_mib(name: &str) -> f64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    numbers(line).first().map_or(f64::NAN, |kib| kib / 1024.0)
}

/// The words of a line that are numbers.
fn numbers(line: &str) -> Vec<f64> {
    line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

//! The `key=value` arguments.

use std::path::PathBuf;

/// How a workload is run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `workers`: threads that step tasks.
    pub(crate) workers_count: usize,
    /// `tasks`: of each component that has several.
    pub(crate) tasks_count: usize,
    /// `warm`: seconds between the first result and the window.
    pub(crate) warm_s: u64,
    /// `secs`: the window's length in seconds.
    pub(crate) window_s: u64,
    /// `most`: the window slides for so many seconds until the rest of the machine is quiet.
    pub(crate) most_s: u64,
    /// `rate`: messages a second; as many as possible without it.
    pub(crate) rate_per_s: Option<u64>,
    /// `count`: stop after so many messages, on one thread and without measuring.
    pub(crate) count: Option<u64>,
    /// `pending`: tuples of a spout's task that are out at most.
    pub(crate) pending_count_max: Option<usize>,
    /// `batch`: tuples of a batch at most.
    pub(crate) batch_count_max: Option<usize>,
    /// `runs`: rounds of a comparison.
    pub(crate) runs_count: u64,
    /// `keys`: different keys, where the workload has keys.
    pub(crate) keys_count: u64,
    /// `data`: the file that `bitcoin` reads.
    pub(crate) data: Option<PathBuf>,
    /// `out`: the file that `utx` writes.
    pub(crate) out: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self {
            workers_count: 2,
            tasks_count: 2,
            warm_s: 1,
            window_s: 3,
            most_s: 0,
            rate_per_s: None,
            count: None,
            pending_count_max: None,
            batch_count_max: None,
            runs_count: 3,
            keys_count: 1_000,
            data: std::env::var_os("TROMBE_BENCH_DATA").map(PathBuf::from),
            out: None,
        };
        for arg in args {
            let (key, value) = arg.split_once('=').ok_or_else(|| format!("{arg}: write key=value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{arg}: write a whole number"));
            let count =
                || number().and_then(|count| usize::try_from(count).map_err(|_| format!("{arg}: less")));
            match key {
                "workers" => settings.workers_count = count()?,
                "tasks" => settings.tasks_count = count()?,
                "warm" => settings.warm_s = number()?,
                "secs" => settings.window_s = number()?,
                "most" => settings.most_s = number()?,
                "rate" => settings.rate_per_s = Some(number()?),
                "count" => settings.count = Some(number()?),
                "pending" => settings.pending_count_max = Some(count()?),
                "batch" => settings.batch_count_max = Some(count()?),
                "runs" => settings.runs_count = number()?,
                "keys" => settings.keys_count = number()?,
                "data" => settings.data = Some(value.into()),
                "out" => settings.out = Some(value.into()),
                _ => return Err(format!("{key}: no such setting; see benches/throughput/settings.rs")),
            }
        }
        Ok(settings)
    }
}

//! What becomes of the cost as the work grows: `growth [warm=S] [secs=S]`. Every point is a process of its own.

use std::error::Error;
use std::process::Command;

use serde_json::Value;

use crate::settings::Settings;

/// One workload at growing sizes.
struct Series {
    title: &'static str,
    workload: &'static str,
    /// The setting that grows.
    setting: &'static str,
    sizes: &'static [u64],
}

const SERIES: [Series; 4] = [
    Series {
        title: "keys, counted in memory",
        workload: "skew",
        setting: "keys",
        sizes: &[10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000],
    },
    Series {
        title: "pending tuples, half of them in a bolt's hands",
        workload: "pending",
        setting: "pending",
        sizes: &[1_000, 10_000, 100_000, 1_000_000],
    },
    Series {
        title: "tasks of each component, word count",
        workload: "wordcount",
        setting: "tasks",
        sizes: &[1, 2, 4, 8, 16, 32, 64],
    },
    Series {
        title: "tasks of each component, fused",
        workload: "const-fused",
        setting: "tasks",
        sizes: &[1, 2, 4, 8, 16, 32, 64],
    },
];

/// What a point costs.
struct Point {
    size: f64,
    cpu_s_per_million: f64,
    anon_mib: f64,
}

pub(crate) fn show(settings: &Settings) -> Result<(), Box<dyn Error>> {
    for series in SERIES {
        println!("\n### {}\n", series.title);
        println!(
            "| {} | CPU s/million | messages/s | memory, MiB | emit to ack, p50 / p99 ms |",
            series.setting
        );
        println!("|---|---|---|---|---|");
        let points: Vec<Point> =
            series.sizes.iter().map(|size| series.point(*size, settings)).collect::<Result<_, _>>()?;
        println!(
            "\nCPU time grows with the {:.2}th power of the size, memory with the {:.2}th.",
            exponent(points.iter().map(|point| (point.size, point.cpu_s_per_million))),
            exponent(points.iter().map(|point| (point.size, point.anon_mib))),
        );
    }
    Ok(())
}

impl Series {
    fn point(&self, size: u64, settings: &Settings) -> Result<Point, Box<dyn Error>> {
        let Settings { warm_s, window_s, .. } = settings;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(self.workload).arg(format!("{}={size}", self.setting));
        let output = command.args([format!("warm={warm_s}"), format!("secs={window_s}")]).output()?;
        let line: Value = serde_json::from_slice(&output.stdout)?;
        let figure = |name: &str| line[name].as_f64().unwrap_or(f64::NAN);
        println!(
            "| {size} | {:.4} | {:.0} | {:.1} | {:.3} / {:.3} |",
            figure("cpu_s_per_million"),
            figure("tuples_per_s"),
            figure("rss_anon_mib"),
            figure("p50_ms"),
            figure("p99_ms"),
        );
        #[expect(clippy::cast_precision_loss, reason = "a size on a logarithmic scale")]
        let size = size as f64;
        Ok(Point { size, cpu_s_per_million: figure("cpu_s_per_million"), anon_mib: figure("rss_anon_mib") })
    }
}

/// The slope of the straight line through the points on logarithmic scales, by least squares: 1 is linear, 0 is no growth.
fn exponent(points: impl Iterator<Item = (f64, f64)>) -> f64 {
    let points: Vec<(f64, f64)> = points.map(|(x, y)| (x.ln(), y.ln())).collect();
    #[expect(clippy::cast_precision_loss, reason = "a few points")]
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum::<f64>() / spread
}

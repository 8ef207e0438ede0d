//! `sim`: the Bitcoin topology in simulated worlds.

use anyhow::{Context as _, bail};
use btc_topology::sim::{FAULTS, bitcoin_simulation};
use trombe::sim::Fault;

use crate::cli::SimArgs;
use crate::console::print;

pub(crate) async fn run(arguments: SimArgs) -> anyhow::Result<()> {
    let SimArgs { seeds, faults, messages, strikes, threads } = arguments;
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let mut simulation = bitcoin_simulation().seeds(seeds).messages(messages).threads(threads);
    if let Some(names) = faults {
        let command = format!("bitcoin-dashboard sim --faults {}", names.join(","));
        simulation = simulation.faults(chosen(&names)?).command(command);
    }
    if let Some(strikes) = strikes {
        simulation = simulation.only(strikes);
    }
    // It brings a runtime of its own for each world, which cannot be entered from a task of this one.
    let report =
        tokio::task::spawn_blocking(move || simulation.run()).await.context("the simulation panicked")?;
    print(&report.to_string())?;
    match report.failure {
        Some(failure) => bail!("seed {} failed; the command above repeats it", failure.seed),
        None => Ok(()),
    }
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<Fault>> {
    let find = |name: &String| {
        let known = FAULTS.iter().find(|fault| fault.name() == name).copied();
        known.with_context(|| {
            let names: Vec<&str> = FAULTS.iter().map(Fault::name).collect();
            format!("there is no fault `{name}`; choose from {}", names.join(", "))
        })
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_fault_is_told_with_those_there_are() {
        let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(chosen(&names("bolt-panic,index-cut")).unwrap().len(), 2);
        let error = chosen(&names("bolt-panik")).unwrap_err().to_string();
        assert!(error.starts_with("there is no fault `bolt-panik`; choose from bolt-error, "), "{error}");
    }
}

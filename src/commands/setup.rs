//! `setup`: topics, templates, indices and the Kibana dashboard, as they should be.

use std::error::Error;

use crate::cli::SetupArgs;
use crate::console::{print, tell};
use crate::settings::Settings;
use crate::setup::{Finding, Mode, elasticsearch, kafka, kibana};
use crate::stores::state_topic;
use anyhow::bail;

pub(crate) async fn run(arguments: SetupArgs, settings: &Settings) -> anyhow::Result<()> {
    let SetupArgs { kafka: for_kafka, elasticsearch: for_elasticsearch, kibana: for_kibana, check, .. } =
        arguments;
    let mode = if check { Mode::Check } else { Mode::Apply };
    let everything = !(for_kafka || for_elasticsearch || for_kibana);
    let mut tally = Tally::default();
    if for_kafka || everything {
        let state = state_topic(arguments.store.as_deref(), arguments.feed, settings);
        tally.take("kafka", kafka::set_up(settings, state.as_deref(), mode).await)?;
    }
    if for_elasticsearch || everything {
        tally.take("elasticsearch", elasticsearch::set_up(&settings.elasticsearch, mode).await)?;
        if let Some(secondary) = &settings.secondary {
            tally.take("secondary", elasticsearch::set_up(secondary, mode).await)?;
        }
    }
    if for_kibana || everything {
        let prefix = &settings.elasticsearch.index_prefix;
        tally.take("kibana", kibana::set_up(&settings.kibana, prefix, mode).await)?;
    }
    tally.outcome(mode)
}

/// What is not as it should be. One target's trouble does not keep the others from being set up.
#[derive(Default)]
struct Tally {
    different: usize,
    unreached: Vec<&'static str>,
}

impl Tally {
    fn take(
        &mut self,
        target: &'static str,
        outcome: Result<Vec<Finding>, impl Error + Send + Sync + 'static>,
    ) -> anyhow::Result<()> {
        match outcome {
            Ok(findings) => {
                self.different += findings.iter().filter(|finding| finding.is_different()).count();
                let lines: String = findings
                    .iter()
                    .flat_map(|finding| [target, ": ", &finding.to_string(), "\n"].map(str::to_owned))
                    .collect();
                print(&lines)
            }
            Err(error) => {
                self.unreached.push(target);
                tell(format_args!("error: {target}: {error}"));
                Ok(())
            }
        }
    }

    /// Applying has failed only where a target was not reached or refused: whoever waits for it (compose's other services)
    /// can do with an index that keeps its older mapping, but not without one.
    fn outcome(self, mode: Mode) -> anyhow::Result<()> {
        match (self.unreached.as_slice(), self.different) {
            ([], 0) => Ok(()),
            ([], count) if mode == Mode::Apply => {
                tell(format_args!(
                    "set up, but it still differs in {count} places; each line above says what to do"
                ));
                Ok(())
            }
            ([], count) => bail!("it differs in {count} places; each line above says what to do"),
            (targets, _) => {
                bail!("{} not set up; mend what is said above and run it again", targets.join(", "))
            }
        }
    }
}

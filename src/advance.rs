//! How far a feed has come: not what is read of it, but what of it is computed and indexed.

use std::sync::{Arc, OnceLock};

use btc_producers::{Progress, Summary};
use btc_topology::SECONDARY_SPOUT;
use trombe::{ComponentKind, Observer, Snapshot};

/// The producers' progress and the topology's books, read together.
#[derive(Clone, Debug)]
pub(crate) struct Advance {
    produced: Arc<Progress>,
    topology: Observer,
    /// Messages in the log when the history was wholly in it.
    history: Arc<OnceLock<u64>>,
}

impl Advance {
    pub(crate) fn new(produced: Arc<Progress>, topology: Observer) -> Self {
        Self { produced, topology, history: Arc::default() }
    }

    /// How it stands.
    pub(crate) fn now(&self) -> Standing {
        let (produced, snapshot) = (self.produced.summary(), self.topology.snapshot());
        let computed = computed(&snapshot);
        let history = produced.history_done.then(|| *self.history.get_or_init(|| produced.messages));
        Standing {
            computed,
            share: share(&produced, computed),
            history_done: history.is_some_and(|messages| computed >= messages),
            mute: mute(&produced),
            produced,
            snapshot,
        }
    }
}

/// A reading of [`Advance`].
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) produced: Summary,
    pub(crate) snapshot: Snapshot,
    /// Messages whose every consequence is durable.
    pub(crate) computed: u64,
    /// How much of the feed is computed, from 0 to 1, where its end is known.
    pub(crate) share: Option<f64>,
    /// Whether the feed's history is computed and only the present is added.
    pub(crate) history_done: bool,
    /// Why nothing comes, if no source of a live feed answers.
    pub(crate) mute: Option<String>,
}

fn computed(snapshot: &Snapshot) -> u64 {
    let spouts = snapshot.components.iter().filter(|component| {
        let is_spout = matches!(component.kind, ComponentKind::Spout | ComponentKind::AsyncSpout);
        is_spout && component.name != SECONDARY_SPOUT
    });
    spouts.map(|spout| spout.acked).sum()
}

/// The share of the feed that is read, less what of it is still on its way.
#[expect(clippy::cast_precision_loss, reason = "a progress bar needs three digits")]
fn share(produced: &Summary, computed: u64) -> Option<f64> {
    let arrived = computed as f64 / produced.taken.max(1) as f64;
    Some(produced.fraction_done? * arrived.min(1.0))
}

/// One of several sources being away is what the others are there for; all of them is for a person to know.
fn mute(produced: &Summary) -> Option<String> {
    let sources = &produced.sources;
    if sources.values().any(|source| source.healthy) {
        return None;
    }
    let (name, source) = sources.iter().find(|(_, source)| source.last_error.is_some())?;
    let why = source.last_error.as_deref().unwrap_or_default();
    Some(format!(
        "none of the {} sources answers; each is tried again and again. {name}: {why}",
        sources.len()
    ))
}

#[cfg(test)]
mod tests {
    use btc_producers::SourceState;

    use super::*;

    #[test]
    fn only_a_feed_without_any_answer_is_mute() {
        let source = |healthy, error: Option<&str>| SourceState {
            healthy,
            last_error: error.map(str::to_owned),
            ..SourceState::default()
        };
        let of = |sources: Vec<(&str, SourceState)>| {
            let sources = sources.into_iter().map(|(name, state)| (name.to_owned(), state));
            mute(&Summary { sources: sources.collect(), ..Summary::default() })
        };
        let away = || source(false, Some("no connection"));
        assert_eq!(of(vec![]), None, "a feed without sources");
        assert_eq!(of(vec![("a", source(false, None))]), None, "nothing tried yet");
        assert_eq!(of(vec![("a", away()), ("b", source(true, None))]), None);
        let why = of(vec![("a", away()), ("b", away())]).unwrap();
        assert!(why.starts_with("none of the 2 sources") && why.ends_with("a: no connection"), "{why}");
    }

    #[test]
    fn what_is_read_but_not_computed_is_not_done() {
        let produced = |fraction_done, taken| Summary { fraction_done, taken, ..Summary::default() };
        assert_eq!(share(&produced(None, 100), 50), None, "a feed without an end");
        assert_eq!(share(&produced(Some(0.0), 0), 0), Some(0.0));
        assert_eq!(share(&produced(Some(0.5), 100), 50), Some(0.25));
        assert_eq!(share(&produced(Some(1.0), 100), 100), Some(1.0));
        assert_eq!(share(&produced(Some(1.0), 100), 250), Some(1.0), "a backlog of an earlier start");
    }
}

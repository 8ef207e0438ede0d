//! The index is away for a while: the spouts pause, no tuple fails, and everything arrives when it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::FutureExt;
use trombe_connectors::{Index, IndexError, Outcome};

use crate::disturbed::{Disturbed, store};
use crate::market::market;
use crate::same_documents::reference;
use crate::world::{World, assert_same, config, end, until};

/// What a [`moody`] index is told, and what it was asked.
#[derive(Default)]
struct Mood {
    is_away: AtomicBool,
    requests: AtomicU64,
}

/// An index that is away when told so. Otherwise it cuts off every seventh answer and answers "later" for every third document.
fn moody(world: &World, mood: &Arc<Mood>) -> Arc<dyn Index> {
    let mood = Arc::clone(mood);
    Arc::new(Disturbed::new(&world.store, move |index, documents| {
        let mood = Arc::clone(&mood);
        async move {
            let requests = mood.requests.fetch_add(1, Ordering::SeqCst);
            if mood.is_away.load(Ordering::SeqCst) {
                return Err(IndexError::Unavailable("connection refused".to_owned()));
            }
            if requests.is_multiple_of(7) {
                index.bulk(documents).await?;
                return Ok(Vec::new());
            }
            let mut outcomes = Vec::new();
            for (number, document) in documents.into_iter().enumerate() {
                outcomes.push(match number % 3 {
                    2 => Outcome::Retry("429".to_owned()),
                    _ => store(&index, document).await?,
                });
            }
            Ok(outcomes)
        }
        .boxed()
    }))
}

#[test]
fn the_spouts_pause_and_nothing_fails() {
    let expected = reference();
    let messages = market();
    let (first, rest) = messages.split_at(1);
    let world = World::new();
    let mood = Arc::new(Mood { is_away: true.into(), ..Mood::default() });
    let running = world.start(moody(&world, &mood), world.state(), config(2));
    let requests = || mood.requests.load(Ordering::SeqCst);
    let emitted = || running.snapshot().components.iter().map(|component| component.emitted).sum::<u64>();

    world.append(first);
    until(&running, "the index is seen to be away", || world.health.away().is_some());
    assert!(world.health.away().unwrap().contains("connection refused"));
    let (emitted_before, requests_before) = (emitted(), requests());
    world.append(rest);
    until(&running, "the index is asked again and again", || requests() > requests_before + 20);
    assert_eq!(emitted(), emitted_before, "the spouts did not pause");

    mood.is_away.store(false, Ordering::SeqCst);
    world.feed_over.set();
    let summary = end(running);
    assert_eq!((summary.acked, summary.failed), (messages.len() as u64, 0));
    assert_eq!((world.health.away(), world.lag()), (None, 0));
    assert_same(&world.export(), &expected, "after the index was away");
}

//! The bounded queue, the spout's letter box and the wake-ups of both.

use std::sync::Arc;

use loom::thread;

use super::{Heard, autopsy, books, flight, model, plan};
use crate::flow::flight::{Ids, Lot};
use crate::flow::fragment::{Batch, Fragment};
use crate::flow::home::Home;
use crate::flow::inbox::Inbox;
use crate::flow::wake::Wake;
use crate::metrics::books::Books;

fn fragment(n: u8, lot: Lot) -> Fragment<u8> {
    let mut batch = Batch::default();
    batch.push(n, 0);
    Fragment::new(batch, lot, (0, 0), 0)
}

fn value(mut fragment: Fragment<u8>) -> u8 {
    fragment.done = 1;
    fragment.batch.items[0]
}

/// As a worker does: announce, look once more, sleep.
fn sleep_unless<R>(wake: &Wake, mut look: impl FnMut() -> Option<R>) -> R {
    wake.bind();
    loop {
        if let Some(result) = look() {
            return result;
        }
        wake.announce();
        if let Some(result) = look() {
            wake.stay_awake();
            return result;
        }
        wake.sleep(None);
    }
}

fn produce(inbox: &Inbox<u8>, wake: &Wake, books: &Arc<Books>, numbers: impl IntoIterator<Item = u8>) {
    for n in numbers {
        let mut waiting = Some(fragment(n, Lot::untracked(books)));
        sleep_unless(wake, || {
            let refused = inbox.push(waiting.take()?).err();
            waiting = refused;
            waiting.is_none().then_some(())
        });
    }
}

fn consume(inbox: &Inbox<u8>, wake: &Wake, count: usize) -> Vec<u8> {
    (0..count).map(|_| value(sleep_unless(wake, || inbox.pop()))).collect()
}

/// A queue for one batch, so that producer and consumer wait for each other at every step.
fn narrow(producers: usize) -> (Arc<Inbox<u8>>, Arc<Wake>, Vec<Arc<Wake>>) {
    let consumer = Arc::new(Wake::default());
    let inbox = Arc::new(Inbox::new(1, Arc::clone(&consumer)));
    let wakes: Vec<_> = (0..producers).map(|_| Arc::new(Wake::default())).collect();
    wakes.iter().for_each(|wake| inbox.add_producer(wake));
    (inbox, consumer, wakes)
}

#[test]
fn a_full_queue_wakes_its_producer_and_keeps_the_order() {
    let plan = plan();
    model(move || {
        let (books, ..) = books(&plan);
        let (inbox, wake, wakes) = narrow(1);
        let producer = {
            let (inbox, wakes) = (Arc::clone(&inbox), wakes.clone());
            thread::spawn(move || {
                produce(&inbox, &wakes[0], &books, [1, 2, 3]);
                assert!(inbox.waiting().queued() <= 3, "what has left the queue had come");
            })
        };
        assert_eq!(consume(&inbox, &wake, 3), [1, 2, 3]);
        producer.join().unwrap();
        assert_eq!(inbox.waiting().queued(), 0);
        assert!(inbox.is_empty());
    });
}

#[test]
fn producers_that_compete_for_space_all_get_it() {
    let plan = plan();
    model(move || {
        let (books, ..) = books(&plan);
        let (inbox, wake, wakes) = narrow(2);
        let producers: Vec<_> = wakes
            .into_iter()
            .zip(1..)
            .map(|(wake, n)| {
                let (inbox, books) = (Arc::clone(&inbox), Arc::clone(&books));
                thread::spawn(move || produce(&inbox, &wake, &books, [n]))
            })
            .collect();
        let mut got = consume(&inbox, &wake, 2);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

#[test]
fn what_lies_in_a_queue_that_is_given_up_has_failed() {
    let plan = plan();
    model(move || {
        let (_books, site, _) = books(&plan);
        let (lot, home) = flight(&site, 1);
        let (inbox, _, _) = narrow(0);
        let consumer = Arc::clone(&inbox);
        let gives_up = thread::spawn(move || drop(consumer));
        drop(inbox.push(fragment(1, lot)));
        drop(inbox);
        gives_up.join().unwrap();
        let mut heard = Heard::default();
        heard.hear(&home);
        assert_eq!(heard, Heard { failed: vec![0], good: Some(vec![]) });
    });
}

#[test]
fn a_sleeping_spout_hears_all_of_its_news() {
    let plan = plan();
    model(move || {
        let (_books, site, _) = books(&plan);
        let (wake, home) = (Arc::clone(&site.wake), Arc::new(Home::new(&site)));
        let lot = Lot::of_spout(Arc::clone(&home), Ids::from_iter(0..2), 0);
        let (fails, succeeds) = (lot.clone(), lot);
        let autopsy = autopsy(&site);
        let failing = thread::spawn(move || assert!(fails.fail(0, &autopsy)));
        let succeeding = thread::spawn(move || drop(succeeds));
        let mut heard = Heard::default();
        sleep_unless(&wake, || {
            heard.hear(&home);
            heard.good.is_some().then_some(())
        });
        assert_eq!(heard, Heard { failed: vec![0], good: Some(vec![1]) });
        failing.join().unwrap();
        succeeding.join().unwrap();
    });
}

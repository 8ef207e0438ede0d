//! Flights, held tuples, orphans: whatever threads do with the descendants of a tuple, its spout hears of it once.

use std::sync::Arc;

use loom::thread;

use super::{Heard, autopsy, books, flight, model, plan};
use crate::failure::Failure;
use crate::flow::flight::{Ids, Lot, Root, Roots};
use crate::flow::fragment::{Batch, Fragment};
use crate::flow::held::Held;
use crate::flow::home::Home;
use crate::metrics::site::Site;
use crate::tuple::{Anchor, Anchors};

fn heard(home: &crate::flow::home::Home) -> Heard {
    let mut heard = Heard::default();
    heard.hear(home);
    heard
}

/// All of a flight, taken in hand.
#[expect(clippy::needless_pass_by_value, reason = "what took it has the only share")]
fn taken(lot: Lot, roots: &[Root], site: &Arc<Site>) -> Arc<Held> {
    Held::of(&lot, &roots.iter().copied().collect(), site, (0, 0), true)
}

#[test]
fn a_flight_lands_once_and_after_its_failures() {
    let plan = plan();
    model(move || {
        let (_books, site, _) = books(&plan);
        let (lot, home) = flight(&site, 3);
        let fails = |lot: Lot, root| {
            let autopsy = autopsy(&site);
            thread::spawn(move || assert!(lot.fail(root, &autopsy)))
        };
        // Two descendants of the same tuple fail, and one of another.
        let threads = [fails(lot.clone(), 1), fails(lot.clone(), 1)];
        drop(lot);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(heard(&home), Heard { failed: vec![1], good: Some(vec![0, 2]) });
    });
}

#[test]
fn a_tuple_answered_for_by_several_is_answered_for_once() {
    let plan = plan();
    model(move || {
        let (books, site, _) = books(&plan);
        let (lot, home) = flight(&site, 2);
        site.sent(0, 2);
        let held = taken(lot, &[0, 1], &site);
        let anchors: Vec<_> =
            (0..2).map(|at| Some(Anchors::from_iter([Anchor::new(Arc::clone(&held), at)]))).collect();
        anchors.iter().flatten().for_each(Anchors::hand_on);
        drop(held);
        let derived = Lot::derived(anchors, &books);
        let fails = |lot: Lot| {
            let autopsy = autopsy(&site);
            thread::spawn(move || lot.fail(0, &autopsy))
        };
        let threads = [fails(derived.clone()), fails(derived)];
        threads.into_iter().for_each(|thread| assert!(thread.join().unwrap()));
        assert_eq!(heard(&home), Heard { failed: vec![0], good: Some(vec![1]) });
        assert!(books.settled());
    });
}

#[test]
fn what_times_out_while_the_last_other_tuple_is_acked_has_failed() {
    let plan = plan();
    model(move || {
        let (books, site, _) = books(&plan);
        let (lot, home) = flight(&site, 2);
        site.sent(0, 2);
        let held = taken(lot, &[0, 1], &site);
        let [acked, late] = [0, 1].map(|at| Anchors::from_iter([Anchor::new(Arc::clone(&held), at)]));
        acked.hand_on();
        let acks = thread::spawn(move || acked.ack());
        assert!(held.expire(&Failure::retry("late")), "it is in hand");
        acks.join().unwrap();
        assert_eq!(
            heard(&home),
            Heard { failed: vec![1], good: Some(vec![0]) },
            "although an anchor is still there"
        );
        assert_eq!((site.in_hand(), books.settled()), (0, true));
        drop((late, held));
    });
}

#[test]
fn an_answer_and_a_timeout_at_once_are_one_answer() {
    let plan = plan();
    model(move || {
        let (books, site, _) = books(&plan);
        let (lot, home) = flight(&site, 1);
        site.sent(0, 1);
        let held = taken(lot, &[0], &site);
        let anchor = Anchor::new(Arc::clone(&held), 0);
        let acks = thread::spawn(move || anchor.ack());
        let expired = held.expire(&Failure::retry("late"));
        acks.join().unwrap();
        drop(held);
        let heard = heard(&home);
        assert!(heard.failed.is_empty() == (heard.good == Some(vec![0])), "{heard:?}");
        assert!(expired || heard.failed.is_empty());
        assert_eq!((site.in_hand(), books.settled()), (0, true));
    });
}

#[test]
fn a_dropped_tuple_fails_while_its_task_ends() {
    let plan = plan();
    model(move || {
        let (books, site, _) = books(&plan);
        let (lot, home) = flight(&site, 2);
        site.sent(0, 2);
        let held = taken(lot, &[0, 1], &site);
        let [dropped, acked] = [0, 1].map(|at| Anchor::new(Arc::clone(&held), at));
        drop(held);
        let drops = thread::spawn(move || drop(dropped));
        let acks = thread::spawn(move || acked.ack());
        site.fail_orphans(None);
        site.close();
        drops.join().unwrap();
        acks.join().unwrap();
        assert_eq!(heard(&home), Heard { failed: vec![0], good: Some(vec![1]) });
        assert_eq!((site.in_hand(), books.settled()), (0, true));
    });
}

#[test]
fn a_tuple_dropped_while_others_time_out_fails() {
    let plan = plan();
    model(move || {
        let (books, site, _) = books(&plan);
        let (lot, home) = flight(&site, 2);
        site.sent(0, 2);
        let held = taken(lot, &[0, 1], &site);
        let [dropped, late] = [0, 1].map(|at| Anchor::new(Arc::clone(&held), at));
        let drops = thread::spawn(move || drop(dropped));
        held.expire(&Failure::retry("late"));
        drops.join().unwrap();
        site.fail_orphans(None);
        let mut heard = heard(&home);
        heard.failed.sort_unstable();
        assert_eq!(heard, Heard { failed: vec![0, 1], good: Some(vec![]) }, "both have failed");
        assert_eq!((site.in_hand(), books.settled()), (0, true));
        drop((late, held));
    });
}

#[test]
fn a_deadline_and_an_answer_at_once_are_one_end() {
    let plan = plan();
    model(move || {
        let (books, site, _) = books(&plan);
        let (progress, home) = (Arc::default(), Arc::new(Home::new(&site)));
        let lot = Lot::watched(Arc::clone(&home), Ids::from_iter(0..2), 0, &progress);
        let mut batch = Batch { items: vec![(); 2], roots: Roots::from_iter([0, 1]), ..Batch::default() };
        site.sent(0, 2);
        let mut fragment = Fragment::new(std::mem::take(&mut batch), lot, (0, 0), 0);
        let held = Held::at_rest(&fragment, &site);
        fragment.done = 2;
        fragment.batch.items.clear();
        drop(fragment);
        let [acked, failed] = [0, 1].map(|at| Anchor::new(Arc::clone(&held), at));
        drop(held);
        let answers = thread::spawn(move || {
            acked.ack();
            failed.fail(Failure::retry("at last"));
        });
        let left = progress.time_out(2);
        let autopsy = autopsy(&site);
        for (held, at, _) in left.held {
            held.expire_one(at, &autopsy);
        }
        let mut ended: Vec<u64> = left.late.iter().map(|(root, _)| u64::from(*root)).collect();
        answers.join().unwrap();
        let heard = heard(&home);
        assert!(!heard.failed.contains(&0));
        ended.extend(heard.failed.into_iter().chain(heard.good.unwrap()));
        ended.sort_unstable();
        assert_eq!(ended, [0, 1], "each has one end");
        assert_eq!((site.in_hand(), books.settled()), (0, true));
    });
}

#[test]
fn a_deadline_while_the_last_batch_is_worked_off_is_one_end() {
    let plan = plan();
    model(move || {
        let (_books, site, _) = books(&plan);
        let (progress, home) = (Arc::default(), Arc::new(Home::new(&site)));
        let lot = Lot::watched(Arc::clone(&home), Ids::from_iter([0]), 0, &progress);
        let batch = Batch { items: vec![()], roots: Roots::from_iter([0]), ..Batch::default() };
        let mut fragment = Fragment::new(batch, lot, (0, 0), 0);
        let works = thread::spawn(move || {
            fragment.begin(1);
            fragment.done = 1;
            drop(fragment);
        });
        let late = progress.time_out(1).late;
        works.join().unwrap();
        let good = if late.is_empty() { vec![0] } else { vec![] };
        assert_eq!(heard(&home), Heard { failed: vec![], good: Some(good) }, "{late:?}");
    });
}

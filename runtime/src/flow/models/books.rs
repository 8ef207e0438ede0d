//! The books say that all is done only when it is.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use loom::thread;

use super::{books, model, plan};
use crate::metrics::site::Site;
use crate::sync::AtomicBool;

#[test]
fn a_tuple_on_its_way_is_never_overlooked() {
    let plan = plan();
    model(move || {
        let (books, middle, end) = books(&plan);
        middle.sent(0, 1);
        let sent = Arc::new(AtomicBool::new(false));
        let ended = Arc::new(AtomicBool::new(false));
        let passes_on = {
            let sent = Arc::clone(&sent);
            thread::spawn(move || {
                middle.sent(1, 1);
                sent.store(true, Ordering::Release);
                middle.acked(0, 1);
            })
        };
        let ends = {
            let ended = Arc::clone(&ended);
            thread::spawn(move || {
                if sent.load(Ordering::Acquire) {
                    ended.store(true, Ordering::Relaxed);
                    end.acked(1, 1);
                }
            })
        };
        if books.settled() {
            assert!(ended.load(Ordering::Relaxed), "settled while a tuple was on its way");
        }
        passes_on.join().unwrap();
        ends.join().unwrap();
        assert_eq!(books.settled(), ended.load(Ordering::Relaxed));
    });
}

#[test]
fn tuples_that_several_tasks_count_are_never_overlooked() {
    let mut plan = plan();
    plan.components[1].tasks = 2;
    model(move || {
        let (books, first, _end) = books(&plan);
        let second = Arc::new(Site::new(&books, 1, 1, Arc::default()));
        first.sent(0, 2);
        let pass_on = [first, second].map(|middle| {
            thread::spawn(move || {
                middle.sent(1, 1);
                middle.acked(0, 1);
            })
        });
        assert!(!books.settled(), "settled while tuples were on their way");
        pass_on.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!([0, 1].map(|edge| books.edges[edge].pending()), [0, 2]);
    });
}

//! The books say that all is done only when it is.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use loom::thread;

use super::{books, model, plan};
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

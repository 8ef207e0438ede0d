//! The desk on which tasks leave their state for the writer.

use std::sync::Arc;

use super::model;
use crate::flow::wake::Wake;
use crate::state::writer::{Changes, Desk, Writer};
use crate::state::{MemoryStore, StateChange, StateStore};
use crate::task::Task;

fn changes() -> Changes {
    let change =
        StateChange { namespace: "n".into(), key: b"k".to_vec(), value: Some(Vec::new()), expires_ms: None };
    [change].into()
}

#[test]
fn a_job_wakes_the_writer_and_is_answered() {
    model(|| {
        let wake = Arc::new(Wake::default());
        let desk = Desk::new(Arc::clone(&wake));
        let client = desk.client(Arc::default());
        let writer = Writer::new(desk, Arc::new(MemoryStore::new()));
        let thread = loom::thread::spawn(move || {
            wake.bind();
            while !writer.write() {
                wake.announce();
                if writer.write() {
                    break;
                }
                wake.sleep(None);
            }
        });
        client.write(changes());
        thread.join().unwrap();
        assert_eq!(client.take_answer(), Some(Ok(())));
        assert_eq!(client.take_answer(), None);
    });
}

#[test]
fn a_writer_that_closes_writes_what_is_left_by_those_who_close_later() {
    model(|| {
        let store = Arc::new(MemoryStore::new());
        let desk = Desk::new(Arc::default());
        let client = desk.client(Arc::default());
        let mut writer = Writer::new(desk, Arc::clone(&store) as _);
        let thread = loom::thread::spawn(move || writer.close());
        client.write_last(changes(), |error| panic!("{error}"));
        thread.join().unwrap();
        assert!(store.get("n", b"k").unwrap().is_some());
    });
}

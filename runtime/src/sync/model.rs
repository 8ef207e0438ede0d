//! Loom's types, made to look like the standard library's.

use std::sync::atomic::Ordering;

pub(crate) use loom::sync::atomic::{AtomicU8, AtomicUsize, fence};
pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};

pub(crate) mod thread {
    use std::time::Duration;

    pub(crate) use loom::thread::{Thread, current, park};

    /// Without the time: a wake-up that is missed must show as a deadlock, not as a delay.
    pub(crate) fn park_timeout(_: Duration) {
        park();
    }
}

/// Two things loom gets wrong, both towards errors that are none.
///
/// It takes sequentially consistent accesses for acquiring and releasing ones only. Fences it knows, so here one stands on either side of
/// such an access; that is as strong between accesses that are all of this kind, and only [`Held`](crate::flow::held::Held) has any.
///
/// It leaves a store unordered with an exchange that the storing thread has not seen, although an exchange follows at once the value it
/// has read, and so comes before a later store of that value's writer. Here stores are exchanges too, of the same memory order.
macro_rules! precise {
    ($name:ident, $value:ty, $($read_write:ident)*) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name(loom::sync::atomic::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                fenced(order, || self.0.load(order))
            }

            $(pub(crate) fn $read_write(&self, value: $value, order: Ordering) -> $value {
                fenced(order, || self.0.$read_write(value, order))
            })*
        }
    };
}

precise!(AtomicBool, bool, swap);
precise!(AtomicU64, u64, fetch_add fetch_and);

impl AtomicBool {
    pub(crate) fn store(&self, value: bool, order: Ordering) {
        self.swap(value, order);
    }
}

fn fenced<R>(order: Ordering, access: impl FnOnce() -> R) -> R {
    if order != Ordering::SeqCst {
        return access();
    }
    fence(Ordering::SeqCst);
    let result = access();
    fence(Ordering::SeqCst);
    result
}

/// `crossbeam_queue::ArrayQueue`, which loom cannot look into, written again: the same stamps, in the same steps, under the same memory
/// orders. Its cells are behind mutexes, as this crate has no unsafe code; the stamps give a cell to one thread at a time, so
/// that adds no order that was not there.
pub(crate) struct ArrayQueue<T> {
    slots: Box<[Slot<T>]>,
    one_lap: usize,
    head: AtomicUsize,
    tail: AtomicUsize,
}

struct Slot<T> {
    stamp: AtomicUsize,
    value: Mutex<Option<T>>,
}

impl<T> ArrayQueue<T> {
    pub(crate) fn new(count_max: usize) -> Self {
        let slot = |index| Slot { stamp: AtomicUsize::new(index), value: Mutex::default() };
        Self {
            slots: (0..count_max).map(slot).collect(),
            one_lap: (count_max + 1).next_power_of_two(),
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
        }
    }

    /// The slot of a position, and the position after it.
    fn place(&self, at: usize) -> (&Slot<T>, usize) {
        let (index, lap) = (at & (self.one_lap - 1), at & !(self.one_lap - 1));
        let next = if index + 1 < self.slots.len() { at + 1 } else { lap.wrapping_add(self.one_lap) };
        (&self.slots[index], next)
    }

    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            let (slot, next) = self.place(tail);
            let stamp = slot.stamp.load(Ordering::Acquire);
            if tail == stamp {
                match self.tail.compare_exchange(tail, next, Ordering::SeqCst, Ordering::Relaxed) {
                    Ok(_) => {
                        *slot.value.lock().unwrap() = Some(value);
                        slot.stamp.store(tail + 1, Ordering::Release);
                        return Ok(());
                    }
                    Err(moved) => tail = moved,
                }
                continue;
            }
            if stamp.wrapping_add(self.one_lap) == tail + 1 {
                fence(Ordering::SeqCst);
                if self.head.load(Ordering::Relaxed).wrapping_add(self.one_lap) == tail {
                    return Err(value);
                }
            }
            loom::thread::yield_now();
            tail = self.tail.load(Ordering::Relaxed);
        }
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let (slot, next) = self.place(head);
            let stamp = slot.stamp.load(Ordering::Acquire);
            if head + 1 == stamp {
                match self.head.compare_exchange(head, next, Ordering::SeqCst, Ordering::Relaxed) {
                    Ok(_) => {
                        let value = slot.value.lock().unwrap().take();
                        slot.stamp.store(head.wrapping_add(self.one_lap), Ordering::Release);
                        return value;
                    }
                    Err(moved) => head = moved,
                }
                continue;
            }
            if stamp == head {
                fence(Ordering::SeqCst);
                if self.tail.load(Ordering::Relaxed) == head {
                    return None;
                }
            }
            loom::thread::yield_now();
            head = self.head.load(Ordering::Relaxed);
        }
    }

    pub(crate) fn len(&self) -> usize {
        let (head, tail) = (self.head.load(Ordering::SeqCst), self.tail.load(Ordering::SeqCst));
        let laps = (tail & !(self.one_lap - 1)).wrapping_sub(head & !(self.one_lap - 1)) / self.one_lap;
        laps * self.slots.len() + (tail & (self.one_lap - 1)) - (head & (self.one_lap - 1))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::SeqCst) == self.tail.load(Ordering::SeqCst)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }
}

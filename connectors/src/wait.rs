//! Waits for a future on the calling thread, with or without a runtime around it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks the thread until the future is ready. The future must not need a runtime's own timers or sockets.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    // A task that has used up its share of the runtime is told to wait for its next turn, which cannot come while it
    // waits here.
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_inside_a_task_does_not_use_up_its_share() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        for number in 0..1000 {
            wait(sender.send(number)).expect("the receiver is there");
            assert_eq!(wait(receiver.recv()), Some(number));
        }
    }
}

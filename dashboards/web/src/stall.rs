//! A connection that breaks when its client stops reading.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Without this, a client that opens an event stream and never reads would hold its connection for ever: writing
/// has no time limit of its own.
#[derive(Debug)]
pub(crate) struct Stall<S> {
    inner: S,
    limit: Duration,
    pending_since: Option<Pin<Box<Sleep>>>,
}

impl<S> Stall<S> {
    pub(crate) fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit, pending_since: None }
    }

    /// Passes a write's outcome through, unless it has been pending for too long.
    fn judge<T>(&mut self, outcome: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.pending_since = None;
            return outcome;
        }
        let limit = self.limit;
        let timer = self.pending_since.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stall<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stall<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judge(outcome, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(context);
        self.judge(outcome, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_reads_is_cut_off() {
        let (server, _client) = duplex(8);
        let mut stall = Stall::new(server, Duration::from_secs(20));
        let error = stall.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_that_does_read_is_kept() {
        let (server, mut client) = duplex(8);
        let mut stall = Stall::new(server, Duration::from_secs(20));
        let reader = tokio::spawn(async move {
            let mut bytes = [0; 8];
            for _ in 0..8 {
                sleep(Duration::from_secs(15)).await;
                client.read_exact(&mut bytes).await.unwrap();
            }
        });
        stall.write_all(&[0; 64]).await.unwrap();
        reader.await.unwrap();
    }
}

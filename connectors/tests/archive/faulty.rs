//! A place in memory whose operations are counted, and one of which fails.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// How the chosen operation fails. From then on, every operation does: the process is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not done.
    Before,
    /// It is done, but nobody is told: the answer is lost.
    After,
}

#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Arc<InMemory>,
    fault: Fault,
    /// The number of the operation that fails, from 0.
    at: u64,
    operations: AtomicU64,
}

impl Faulty {
    pub(crate) fn new(inner: &Arc<InMemory>, fault: Fault, at: u64) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), fault, at, operations: AtomicU64::new(0) })
    }

    /// Whether the fault has struck.
    pub(crate) fn is_dead(&self) -> bool {
        self.operations.load(Ordering::Relaxed) > self.at
    }

    async fn step<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let number = self.operations.fetch_add(1, Ordering::Relaxed);
        if number < self.at {
            return operation.await;
        }
        if number == self.at && self.fault == Fault::After {
            operation.await?;
        }
        Err(dead())
    }
}

fn dead() -> Error {
    Error::Generic { store: "faulty", source: "the process has died".into() }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty at {}", self.at)
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.step(self.inner.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.step(self.inner.put_multipart_opts(path, options)).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.step(self.inner.get_opts(path, options)).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let number = self.operations.fetch_add(1, Ordering::Relaxed);
        if number < self.at {
            self.inner.delete_stream(paths)
        } else {
            stream::once(async { Err(dead()) }).boxed()
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let number = self.operations.fetch_add(1, Ordering::Relaxed);
        if number < self.at { self.inner.list(prefix) } else { stream::once(async { Err(dead()) }).boxed() }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.step(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.step(self.inner.copy_opts(from, to, options)).await
    }
}

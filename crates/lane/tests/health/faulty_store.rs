//! A store of tables that counts what is asked of it, and fails or stands still when a test says so.

use std::fmt;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use pinflow_store::DurableLocalStore;
use tokio::sync::watch;

/// What goes wrong with one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing of it is done.
    Refused,
    /// It is done, and reported as failed.
    AnswerLost,
}

#[derive(Debug)]
pub struct FaultyStore {
    inner: DurableLocalStore,
    /// Nothing is answered.
    pub unreachable: AtomicBool,
    /// Nothing more can be put.
    pub full: AtomicBool,
    /// Puts wait as long as this is true.
    pub halted: watch::Sender<bool>,
    /// So do copies, as long as this is true; how many wait.
    pub halted_copies: watch::Sender<bool>,
    pub waiting_copies: AtomicU64,
    /// Operations so far: puts, reads, listings.
    operations: AtomicU64,
    /// The operation that goes wrong, and how.
    fault: std::sync::Mutex<Option<(u64, Fault)>>,
    /// Reads and listings so far.
    pub reads: AtomicU64,
    /// Objects that listings have shown.
    pub listed: Arc<AtomicU64>,
}

impl FaultyStore {
    pub fn new(folder: &FilePath) -> Arc<Self> {
        Arc::new(Self {
            inner: DurableLocalStore::open_absolute(folder).unwrap(),
            unreachable: AtomicBool::new(false),
            full: AtomicBool::new(false),
            halted: watch::Sender::new(false),
            halted_copies: watch::Sender::new(false),
            waiting_copies: AtomicU64::new(0),
            operations: AtomicU64::new(0),
            fault: std::sync::Mutex::new(None),
            reads: AtomicU64::new(0),
            listed: Arc::default(),
        })
    }

    /// Lets the operation with this number, counted from now on and from 1, go wrong.
    pub fn fail(&self, number: u64, fault: Fault) {
        let number = self.operations.load(Ordering::SeqCst) + number - 1;
        *self.fault.lock().unwrap() = Some((number, fault));
    }

    /// Whether the fault that was ordered has come; it comes no more then.
    pub fn has_failed(&self) -> bool {
        let (number, _) = self.fault.lock().unwrap().take().expect("a fault was ordered");
        self.operations.load(Ordering::SeqCst) > number
    }

    fn begin(&self) -> Result<Option<Fault>> {
        let number = self.operations.fetch_add(1, Ordering::SeqCst);
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(failure("the store is unreachable"));
        }
        let fault = *self.fault.lock().unwrap();
        match fault.filter(|(at, _)| *at == number) {
            Some((_, Fault::Refused)) => Err(failure("this one fails")),
            lost => Ok(lost.map(|(_, fault)| fault)),
        }
    }

    fn begin_read(&self) -> Result<()> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        // A read whose answer is lost is a read that failed.
        self.begin()?.map_or(Ok(()), |_| Err(failure("the answer is lost")))
    }

    fn listing(
        &self,
        list: impl FnOnce() -> BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        if let Err(error) = self.begin_read() {
            return stream::once(async { Err(error) }).boxed();
        }
        let listed = Arc::clone(&self.listed);
        list().inspect(move |_| _ = listed.fetch_add(1, Ordering::SeqCst)).boxed()
    }
}

fn failure(why: &'static str) -> Error {
    Error::Generic { store: "FaultyStore", source: why.into() }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyStore")
    }
}

#[async_trait::async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let fault = self.begin()?;
        if self.full.load(Ordering::SeqCst) {
            return Err(failure("no room is left"));
        }
        self.halted.subscribe().wait_for(|halted| !halted).await.unwrap();
        let done = self.inner.put_opts(location, payload, opts).await?;
        fault.map_or(Ok(done), |_| Err(failure("the answer is lost")))
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.begin_read()?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.begin() {
            Ok(_) => self.inner.delete_stream(locations),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(|| self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(|| self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.begin_read()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.waiting_copies.fetch_add(1, Ordering::SeqCst);
        self.halted_copies.subscribe().wait_for(|halted| !halted).await.unwrap();
        self.waiting_copies.fetch_sub(1, Ordering::SeqCst);
        self.inner.copy_opts(from, to, options).await
    }
}

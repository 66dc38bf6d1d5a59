//! A store in which things go wrong by seed, or that stops for ever at the request one chooses, as a process does that is
//! killed there.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use tokio::sync::Notify;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Late,
    Busy,
    LostAnswer,
    CutBody,
    WrongByte,
}

/// Faults that asking again gets over.
pub(crate) const PASSING: &[Fault] = &[Fault::Late, Fault::Busy, Fault::LostAnswer, Fault::CutBody];

/// Every fault.
pub(crate) const ALL: &[Fault] =
    &[Fault::Late, Fault::Busy, Fault::LostAnswer, Fault::CutBody, Fault::WrongByte];

/// Whether the request at which everything stops is still carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Before,
    After,
}

/// A store over another one, in which things go wrong.
#[derive(Debug, Clone)]
pub(crate) struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    state: Mutex<State>,
    stopped: Notify,
}

#[derive(Debug, Default)]
struct State {
    kinds: Vec<Fault>,
    one_in: u64,
    dice: u64,
    requests: u64,
    stop: Option<(u64, Stop)>,
    dealt: BTreeMap<Fault, u64>,
}

impl FaultyStore {
    pub(crate) fn over(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, plan: Arc::default() }
    }

    /// One request in `one_in` goes wrong in one of the ways `kinds`.
    pub(crate) fn deal(&self, kinds: &[Fault], one_in: u64, seed: u64) {
        let mut state = self.plan.state.lock().unwrap();
        (state.kinds, state.one_in, state.dice) = (kinds.to_vec(), one_in, seed);
    }

    pub(crate) fn dealt(&self) -> BTreeMap<Fault, u64> {
        self.plan.state.lock().unwrap().dealt.clone()
    }

    /// The request after so many others never ends.
    pub(crate) fn stop_at(&self, request: u64, stop: Stop) {
        let mut state = self.plan.state.lock().unwrap();
        state.stop = Some((state.requests + request, stop));
    }

    /// Ends when the request at which everything stops has come.
    pub(crate) async fn stopped(&self) {
        self.plan.stopped.notified().await;
    }
}

impl Plan {
    fn next(&self, reads: bool) -> (Option<Fault>, Option<Stop>) {
        let mut state = self.state.lock().unwrap();
        let number = state.requests;
        state.requests += 1;
        let stop = state.stop.filter(|(at, _)| number >= *at).map(|(_, stop)| stop);
        if state.kinds.is_empty() || !state.roll().is_multiple_of(state.one_in) {
            return (None, stop);
        }
        let spoils = |kind: &Fault| matches!(kind, Fault::CutBody | Fault::WrongByte);
        let fits: Vec<_> = state.kinds.iter().copied().filter(|kind| reads || !spoils(kind)).collect();
        let at = state.roll() as usize;
        let Some(fault) = at.checked_rem(fits.len()).map(|at| fits[at]) else { return (None, stop) };
        *state.dealt.entry(fault).or_default() += 1;
        (Some(fault), stop)
    }

    /// A request in which something may go wrong.
    async fn around<T>(
        &self,
        reads: bool,
        request: impl Future<Output = Result<T>>,
    ) -> Result<(T, Option<Fault>)> {
        let (fault, stop) = self.next(reads);
        if stop == Some(Stop::Before) {
            self.stop_for_ever().await;
        }
        match fault {
            Some(Fault::Busy) => return Err(broken("503")),
            Some(Fault::Late) => tokio::time::sleep(Duration::from_millis(5)).await,
            _ => {}
        }
        let answer = request.await;
        if stop == Some(Stop::After) {
            self.stop_for_ever().await;
        }
        if fault == Some(Fault::LostAnswer) {
            return Err(broken("the answer got lost"));
        }
        answer.map(|answer| (answer, fault))
    }

    async fn stop_for_ever(&self) {
        self.stopped.notify_one();
        std::future::pending().await
    }
}

impl State {
    /// SplitMix64.
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

fn broken(why: &str) -> Error {
    Error::Generic { store: "faulty", source: why.into() }
}

/// An object in pieces, one of them wrong, or with an end in the middle.
async fn spoilt(found: GetResult, fault: Option<Fault>) -> Result<GetResult> {
    let (meta, range) = (found.meta.clone(), found.range.clone());
    let (attributes, extensions) = (found.attributes.clone(), found.extensions.clone());
    let mut bytes = found.bytes().await?.to_vec();
    let middle = bytes.len() / 2;
    let mut pieces: Vec<Result<bytes::Bytes>> = Vec::new();
    match fault {
        Some(Fault::WrongByte) if !bytes.is_empty() => bytes[middle] ^= 0x10,
        Some(Fault::CutBody) => {
            bytes.truncate(middle);
            pieces.push(Err(broken("the connection broke")));
        }
        _ => {}
    }
    let whole = bytes::Bytes::from(bytes);
    let chunks =
        (0..whole.len()).step_by(64 * 1024).map(|at| Ok(whole.slice(at..whole.len().min(at + 64 * 1024))));
    let all: Vec<_> = chunks.chain(pieces).collect();
    let payload = GetResultPayload::Stream(futures::stream::iter(all).boxed());
    Ok(GetResult { payload, meta, range, attributes, extensions })
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait::async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        Ok(self.plan.around(false, self.inner.put_opts(location, payload, opts)).await?.0)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.plan.around(false, self.inner.put_multipart_opts(location, opts)).await?.0;
        Ok(Box::new(FaultyUpload { inner: upload, plan: Arc::clone(&self.plan) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let head = options.head;
        let (found, fault) = self.plan.around(!head, self.inner.get_opts(location, options)).await?;
        if head { Ok(found) } else { spoilt(found, fault).await }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |location: Result<Path>| {
            let this = this.clone();
            async move {
                let location = location?;
                this.plan.around(false, this.inner.delete(&location)).await?;
                Ok(location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned());
        let listing = async move {
            let all = this.inner.list(prefix.as_ref()).try_collect::<Vec<_>>();
            let listed = this.plan.around(false, all).await.map(|(all, _)| all);
            futures::stream::iter(match listed {
                Ok(all) => all.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
        };
        listing.flatten_stream().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        Ok(self.plan.around(false, self.inner.list_with_delimiter(prefix)).await?.0)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.plan.around(false, self.inner.copy_opts(from, to, options)).await.map(|_| ())
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    plan: Arc<Plan>,
}

#[async_trait::async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, plan) = (self.inner.put_part(data), Arc::clone(&self.plan));
        async move { plan.around(false, part).await.map(|_| ()) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        Ok(self.plan.around(false, self.inner.complete()).await?.0)
    }

    async fn abort(&mut self) -> Result<()> {
        self.plan.around(false, self.inner.abort()).await.map(|_| ())
    }
}

//! What goes wrong between a client and its S3 server: drawn by a seed, so that a run can be repeated.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use s3s::{Body, HttpResponse};

/// How long an answer that is late is late.
const LATE: Duration = Duration::from_millis(40);
/// Longest body that is held in memory to be spoilt.
const BODY_BYTES_MAX: usize = 1 << 30;

/// Something that goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The answer takes a while.
    Late,
    /// 503, and nothing was done.
    Busy,
    /// The connection breaks before anything was done.
    Reset,
    /// What was asked is done, and the connection breaks before the answer.
    LostAnswer,
    /// The body of an object ends in the middle.
    CutBody,
    /// A bit of the body of an object is flipped.
    WrongByte,
}

impl Fault {
    /// Faults that a client can get over by asking again.
    pub const PASSING: &[Self] = &[Self::Late, Self::Busy, Self::Reset, Self::LostAnswer, Self::CutBody];
    /// Every fault.
    pub const ALL: &[Self] =
        &[Self::Late, Self::Busy, Self::Reset, Self::LostAnswer, Self::CutBody, Self::WrongByte];

    fn needs_an_object(self) -> bool {
        matches!(self, Self::CutBody | Self::WrongByte)
    }
}

/// The faults of a server: none until it is told to deal some.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Plan>);

#[derive(Debug, Default)]
struct Plan {
    kinds: Vec<Fault>,
    one_in: u64,
    dice: u64,
    dealt: BTreeMap<Fault, u64>,
}

impl Faults {
    /// From now on one request in `one_in` goes wrong, in one of the ways `kinds`, by the dice of `seed`.
    pub fn deal(&self, kinds: &[Fault], one_in: u64, seed: u64) {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (plan.kinds, plan.one_in, plan.dice) = (kinds.to_vec(), one_in.max(1), seed);
    }

    /// From now on nothing goes wrong.
    pub fn stop(&self) {
        self.deal(&[], 1, 0);
    }

    /// How often each has gone wrong.
    pub fn dealt(&self) -> BTreeMap<Fault, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).dealt.clone()
    }

    pub(super) fn next(&self, request: &hyper::Request<Incoming>) -> Option<Fault> {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if plan.kinds.is_empty() || !plan.roll().is_multiple_of(plan.one_in) {
            return None;
        }
        let fits: Vec<_> =
            plan.kinds.iter().copied().filter(|kind| !kind.needs_an_object() || reads(request)).collect();
        let fault = *fits.get(usize::try_from(plan.roll()).unwrap_or(0).checked_rem(fits.len())?)?;
        *plan.dealt.entry(fault).or_default() += 1;
        Some(fault)
    }
}

impl Plan {
    /// SplitMix64 (Steele, Lea, Flood, 2014).
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Whether a request reads an object: no listing, no look at it alone.
fn reads(request: &hyper::Request<Incoming>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == hyper::Method::GET && !query.contains("list-type=")
}

/// The connection breaks.
#[derive(Debug)]
pub(super) struct HangUp;

/// What happens instead of asking the server at all.
pub(super) async fn before(fault: Option<Fault>) -> Result<Option<HttpResponse>, HangUp> {
    match fault {
        Some(Fault::Busy) => {
            let mut answer = HttpResponse::new(Body::empty());
            *answer.status_mut() = hyper::StatusCode::SERVICE_UNAVAILABLE;
            Ok(Some(answer))
        }
        Some(Fault::Reset) => Err(HangUp),
        Some(Fault::Late) => {
            tokio::time::sleep(LATE).await;
            Ok(None)
        }
        Some(Fault::LostAnswer | Fault::CutBody | Fault::WrongByte) | None => Ok(None),
    }
}

/// What becomes of the server's answer.
pub(super) async fn after(fault: Option<Fault>, mut answer: HttpResponse) -> Result<HttpResponse, HangUp> {
    match fault {
        Some(Fault::LostAnswer) => return Err(HangUp),
        Some(kind @ (Fault::CutBody | Fault::WrongByte)) if answer.status().is_success() => {
            let whole = answer.body_mut().store_all_limited(BODY_BYTES_MAX).await.map_err(|_| HangUp)?;
            let mut bytes = whole.to_vec();
            // hyper breaks the connection when a body is shorter than was said.
            answer.headers_mut().insert(hyper::header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            if kind == Fault::CutBody {
                bytes.truncate(bytes.len() / 2);
            } else if let Some(middle) = bytes.len().checked_div(2).and_then(|at| bytes.get_mut(at)) {
                *middle ^= 0x10;
            }
            *answer.body_mut() = Body::from(bytes);
        }
        Some(_) | None => {}
    }
    Ok(answer)
}

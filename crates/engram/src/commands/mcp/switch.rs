//! The way to the service as it is now: when the owner of the folder goes away another is found, or this process
//! becomes the owner, and the request under way is sent again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Bytes;
use stdx::backoff::Backoff;
use tokio::sync::Mutex;

use crate::cli::{Reach, Shared};
use crate::door::{DEFAULT_TENANT, TENANT_HEADER, Trouble, Way};
use crate::failure::Failure;

/// Longest time a request is carried from owner to owner.
const CARRIED: Duration = Duration::from_secs(30);
/// Delays between two tries.
const DELAY_BASE: Duration = Duration::from_millis(20);
const DELAY_MAX: Duration = Duration::from_secs(1);

/// Finds ways and keeps the one that works.
#[derive(Debug)]
pub(super) struct Switch {
    reach: Reach,
    shared: Shared,
    tenant: Option<String>,
    /// Held while a way is looked for, so that only one is.
    way: Mutex<Option<Arc<Way>>>,
}

impl Switch {
    pub(super) fn new(reach: Reach, shared: Shared, tenant: Option<String>) -> Self {
        Self { reach, shared, tenant, way: Mutex::default() }
    }

    /// The way in use; looks for one if there is none.
    pub(super) async fn connect(&self) -> Result<Arc<Way>, Failure> {
        let mut held = self.way.lock().await;
        if let Some(way) = &*held {
            return Ok(Arc::clone(way));
        }
        let mut way = Way::find(&self.reach, &self.shared).await?;
        if let Way::Own(own) = &mut way {
            own.let_others_in()?;
        }
        let way = Arc::new(way);
        *held = Some(Arc::clone(&way));
        Ok(way)
    }

    /// Sends a request until it is answered. A request whose connection broke may be carried out twice; it has the
    /// same idempotency key each time.
    pub(super) async fn send(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let begun = Instant::now();
        let mut backoff = Backoff::new(DELAY_BASE, DELAY_MAX);
        loop {
            let failure = match self.connect().await {
                Ok(way) => match way.send(self.addressed(request, &way)).await {
                    Ok(answer) => return Ok(answer),
                    Err(trouble) => {
                        self.forget(&way).await;
                        // A hosted service has no heir to ask; what was sent to it is not sent again.
                        if let (false, Trouble::Broken(_)) = (way.is_local(), &trouble) {
                            return Err(trouble.into());
                        }
                        Failure::from(trouble)
                    }
                },
                Err(failure) => failure,
            };
            if begun.elapsed() > CARRIED {
                return Err(failure);
            }
            tracing::info!(%failure, "looking for the service again");
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    /// Lets go of the folder, if it is ours.
    pub(super) async fn close(&self) {
        if let Some(way) = self.way.lock().await.take().and_then(Arc::into_inner) {
            way.close().await;
        }
    }

    async fn forget(&self, broken: &Arc<Way>) {
        let mut held = self.way.lock().await;
        if held.as_ref().is_some_and(|way| Arc::ptr_eq(way, broken)) {
            *held = None;
        }
    }

    fn addressed(&self, request: &Request<Bytes>, way: &Way) -> Request<Bytes> {
        let mut request = request.clone();
        let tenant = self.tenant.as_deref().or_else(|| way.is_local().then_some(DEFAULT_TENANT));
        if let Some(tenant) = tenant.and_then(|tenant| tenant.parse().ok()) {
            request.headers_mut().insert(TENANT_HEADER, tenant);
        }
        request
    }
}

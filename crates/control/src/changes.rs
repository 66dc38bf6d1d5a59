//! Tells whoever caches the control plane what has changed.

use std::sync::atomic::{AtomicU64, Ordering};

use tenancy::{PlanName, Slug, TenantId};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// Changes a slow follower may be behind before it is told to forget everything.
const CHANGES_KEPT_MAX: usize = 1_024;

/// Something that was cached is no longer true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A tenant is new, or its status or plan is.
    Tenant {
        /// The tenant.
        id: TenantId,
        /// Its slug.
        slug: Slug,
    },
    /// A key is new or revoked.
    ApiKey {
        /// The key's stored prefix.
        prefix: String,
    },
    /// A member is new or gone, or their role is another.
    Member {
        /// The tenant.
        tenant: TenantId,
        /// The person.
        user_id: String,
    },
    /// The limits of a plan.
    Plan {
        /// The plan.
        name: PlanName,
    },
    /// More than can be told one by one: forget all that is cached.
    Everything,
}

/// A place in the stream of changes.
#[derive(Debug)]
pub struct Changes {
    receiver: broadcast::Receiver<Change>,
}

impl Changes {
    /// The next change that is already there, if any.
    pub fn take(&mut self) -> Option<Change> {
        match self.receiver.try_recv() {
            Ok(change) => Some(change),
            Err(TryRecvError::Lagged(_)) => Some(Change::Everything),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    /// Waits for the next change; `None` when the control plane is closed.
    pub async fn next(&mut self) -> Option<Change> {
        match self.receiver.recv().await {
            Ok(change) => Some(change),
            Err(RecvError::Lagged(_)) => Some(Change::Everything),
            Err(RecvError::Closed) => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Feed {
    sender: broadcast::Sender<Change>,
    announced: AtomicU64,
    revision: AtomicU64,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(CHANGES_KEPT_MAX),
            announced: AtomicU64::new(0),
            revision: AtomicU64::new(0),
        }
    }
}

impl Feed {
    pub(crate) fn follow(&self) -> Changes {
        Changes { receiver: self.sender.subscribe() }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    pub(crate) fn announced(&self) -> u64 {
        self.announced.load(Ordering::SeqCst)
    }

    pub(crate) fn publish(&self, changes: Vec<Change>) {
        for change in changes {
            // Before the send: whoever reads the old state and remembers it after the change was handled sees
            // this number move.
            self.announced.fetch_add(1, Ordering::SeqCst);
            // An error only means that nobody follows.
            let _ = self.sender.send(change);
            // After the send: who sees the number finds the change.
            self.revision.fetch_add(1, Ordering::Release);
        }
    }
}

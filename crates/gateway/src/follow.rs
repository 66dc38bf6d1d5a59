//! Follows the control plane's changes, so that a revoked key is refused by the very next request.

use std::sync::atomic::{AtomicU64, Ordering};

use control::{Change, Changes, Control};
use parking_lot::Mutex;

use crate::Gateway;

/// How far this gateway has followed.
#[derive(Debug)]
pub(crate) struct Follower {
    changes: Mutex<Changes>,
    applied: AtomicU64,
}

impl Follower {
    pub(crate) fn of(control: &Control) -> Self {
        // In this order: a change in between is applied once more than needed, never missed.
        let applied = AtomicU64::new(control.revision());
        Self { changes: Mutex::new(control.changes()), applied }
    }
}

impl Gateway {
    /// Forgets what has changed since the last request; two atomic loads when nothing has.
    pub(crate) fn catch_up(&self) {
        let revision = self.control.revision();
        if self.follower.applied.load(Ordering::Acquire) == revision {
            return;
        }
        let mut changes = self.follower.changes.lock();
        while let Some(change) = changes.take() {
            self.forget(&change);
        }
        self.follower.applied.store(revision, Ordering::Release);
    }

    fn forget(&self, change: &Change) {
        match change {
            Change::Tenant { id, slug } => {
                self.seats.forget(id);
                self.slugs.forget(slug);
                // A deleted tenant has no members any more; whose, nobody has told.
                self.homes.forget_all();
            }
            Change::ApiKey { prefix } => self.keys.forget(prefix.as_str()),
            Change::Member { tenant, user_id } => {
                self.members.forget(&(tenant.clone(), user_id.clone()));
                self.homes.forget(user_id.as_str());
            }
            // Which tenants are on the plan is not known here, and plans change rarely.
            Change::Plan { .. } => self.seats.forget_all(),
            Change::Everything => {
                self.seats.forget_all();
                self.slugs.forget_all();
                self.keys.forget_all();
                self.members.forget_all();
                self.homes.forget_all();
            }
        }
    }
}

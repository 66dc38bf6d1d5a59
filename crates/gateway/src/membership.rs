//! Where a person belongs, as the control plane knows it or knew it a moment ago.

use std::sync::Arc;

use tenancy::{Role, TenantId};

use crate::jwt::User;
use crate::seat::unavailable;
use crate::{Gateway, Principal, Refusal};

/// Memberships remembered at once; about 300 bytes each.
pub(crate) const MEMBERS_MAX: u64 = 100_000;

impl Gateway {
    /// The person as a member of the tenant; `None` when they are none.
    pub(crate) async fn as_member(
        &self,
        user: &Arc<User>,
        tenant: &TenantId,
    ) -> Result<Option<Principal>, Refusal> {
        let place = (tenant.clone(), user.user_id.clone());
        let read = || async {
            let found = self.control.membership(tenant, &user.user_id).await?;
            Ok(found.map(|member| member.role))
        };
        let role: Option<Role> = self
            .members
            .get(&place, self.clock.now_ms(), || self.control.announced(), read)
            .await
            .map_err(unavailable)?
            .map(|entry| entry.value);
        Ok(role.map(|role| Principal::Member { user: Arc::clone(user), tenant: tenant.clone(), role }))
    }

    /// The one tenant a person belongs to.
    ///
    /// # Errors
    /// [`Refusal::TenantRequired`] when there are several or none; which, is not told.
    pub(crate) async fn only_home(&self, user: &User) -> Result<TenantId, Refusal> {
        let read = || async {
            let all = self.control.memberships(&user.user_id).await?;
            Ok(Some(all.into_iter().map(|member| member.tenant_id).collect::<Vec<_>>()))
        };
        let homes = self
            .homes
            .get(user.user_id.as_str(), self.clock.now_ms(), || self.control.announced(), read)
            .await
            .map_err(unavailable)?;
        match homes.as_deref().map(|entry| entry.value.as_slice()) {
            Some([only]) => Ok(only.clone()),
            Some(_) | None => Err(Refusal::TenantRequired),
        }
    }
}

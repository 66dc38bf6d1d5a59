//! Calls to the administration: which tenant they name, and how far they reach.

use axum::response::Response;
use gateway::{Credentials, Pass, Refusal};
use serde::Serialize;
use serde_json::Value;
use tenancy::{Operation, Slug};

use super::{Call, no_content, refused};
use crate::decode::{self, Form};
use crate::edge::{self, error_answer, json_answer, rate_headers};
use crate::operations::{Caller, Done, Failure, Reach, Visit};

/// Where a call may name its tenant besides the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TenantIn {
    /// The field `tenant` of the body.
    Body,
    /// The parameter `tenant` of the query.
    Query,
    /// The segment `slug` of the path.
    Path,
}

/// The tenant a call is for.
enum Aim {
    /// The one it names, or the credential's own.
    Tenant(Option<String>),
    /// None: an operator who names none.
    Nothing,
}

impl Call {
    /// Admits the call as `operation` of the tenant it names or the credential's own, does `work`, settles and
    /// answers; 204 answers have no body.
    pub(crate) async fn answer_admin<T: Serialize>(
        mut self,
        operation: Operation,
        place: TenantIn,
        status: u16,
        work: impl AsyncFnOnce(&mut Self, &Pass, &Caller) -> Result<T, Failure>,
    ) -> Response {
        match self.aim(place).await {
            Ok(Aim::Tenant(named)) => self.answer_within(operation, named, status, work).await,
            Ok(Aim::Nothing) => refused(&tenant_required(), &self.request()),
            Err(failure) => refused(&failure, &self.request()),
        }
    }

    /// The same where an operator who names no tenant means all of them.
    pub(crate) async fn answer_admin_or_all<T: Serialize>(
        mut self,
        operation: Operation,
        place: TenantIn,
        status: u16,
        work: impl AsyncFnOnce(&mut Self, Reach<'_>, &Caller) -> Result<T, Failure>,
    ) -> Response {
        match self.aim(place).await {
            Ok(Aim::Tenant(named)) => {
                let within = async |call: &mut Self, pass: &Pass, caller: &Caller| {
                    work(call, Reach::Tenant(pass), caller).await
                };
                self.answer_within(operation, named, status, within).await
            }
            Ok(Aim::Nothing) => {
                self.answer_operator(status, async |call, pass| {
                    let caller = call.caller(pass.principal());
                    work(call, Reach::Everything(pass), &caller).await
                })
                .await
            }
            Err(failure) => refused(&failure, &self.request()),
        }
    }

    /// The tenant an operator's call names in its body or in the header.
    ///
    /// # Errors
    /// 400 when it names none, or not a slug; 403 when it names two.
    pub(crate) async fn named_tenant(&mut self, place: TenantIn) -> Result<Slug, Failure> {
        self.named_tenant_or_all(place).await?.ok_or_else(tenant_required)
    }

    /// The same where naming none means all of them.
    ///
    /// # Errors
    /// 400 when it is no slug; 403 when it names two.
    pub(crate) async fn named_tenant_or_all(&mut self, place: TenantIn) -> Result<Option<Slug>, Failure> {
        let named = self.named(place).await?.map(|named| Slug::parse(&named));
        named.transpose().map_err(|error| Failure::field("tenant", error.to_string()))
    }

    async fn answer_within<T: Serialize>(
        mut self,
        operation: Operation,
        named: Option<String>,
        status: u16,
        work: impl AsyncFnOnce(&mut Self, &Pass, &Caller) -> Result<T, Failure>,
    ) -> Response {
        let request = self.request();
        let credentials = self.credentials_for(named.as_deref());
        let visit = match Visit::admit(&self.app, &request, &credentials, operation).await {
            Ok(visit) => visit,
            Err(failure) => return refused(&failure, &request),
        };
        let caller = self.caller(visit.pass().principal());
        let outcome = work(&mut self, visit.pass(), &caller).await;
        let settled = visit.settle(outcome.map(|value| Done::read(value, None)), |_| status);
        let mut response = match &settled.outcome {
            Ok(_) if status == 204 => no_content(),
            Ok(value) => json_answer(status, value),
            Err(failure) => error_answer(failure, &request),
        };
        rate_headers(response.headers_mut(), &settled.rate);
        response
    }

    /// Finds the tenant. A body is read only for who has proven to be somebody; everybody else meets the refusal
    /// when the call is admitted.
    async fn aim(&mut self, place: TenantIn) -> Result<Aim, Failure> {
        let credentials = self.credentials_for(None);
        let Ok(principal) = self.app.gateway.authenticate(&credentials).await else {
            return Ok(Aim::Tenant(None));
        };
        let caller = self.caller(&principal);
        match self.named(place).await? {
            None if caller.is_operator() => Ok(Aim::Nothing),
            named => Ok(Aim::Tenant(named)),
        }
    }

    /// The tenant the call names, in whichever way.
    async fn named(&mut self, place: TenantIn) -> Result<Option<String>, Failure> {
        let inside = match place {
            TenantIn::Path => Some(Value::String(self.segment("slug").await?)),
            TenantIn::Query => self.query()?.get_mut("tenant").map(Value::take),
            TenantIn::Body => self.peek_json().await.and_then(|body| body.get("tenant")).cloned(),
        };
        let field = if place == TenantIn::Path { "slug" } else { "tenant" };
        let inside = inside.filter(|value| !value.is_null()).map(|value| decode::slug(value, Form::Json));
        let inside = inside.transpose().map_err(|problems| {
            Failure::Invalid(problems.into_iter().map(|problem| problem.within(field)).collect())
        })?;
        let header = edge::credentials(&self.parts.headers, &self.parts.extensions).tenant_header;
        match (inside, header) {
            (Some(inside), Some(header)) if inside.as_str() != header => {
                Err(Refusal::ContradictingTenant { named: inside.to_string() }.into())
            }
            (Some(inside), _) => Ok(Some(inside.to_string())),
            (None, header) => Ok(header.map(str::to_owned)),
        }
    }

    fn credentials_for<'a>(&'a self, named: Option<&'a str>) -> Credentials<'a> {
        let credentials = edge::credentials(&self.parts.headers, &self.parts.extensions);
        Credentials { tenant_header: named.or(credentials.tenant_header), ..credentials }
    }
}

fn tenant_required() -> Failure {
    Failure::field("tenant", "is required: an operator names the tenant, here or in X-Engram-Tenant")
}

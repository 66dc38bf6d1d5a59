//! The ledger of a run: where it is, and a meter's way to it that sends every batch twice.

use std::path::PathBuf;
use std::pin::Pin;

use anyhow::Result;
use control::{Control, ControlError, Migrate, PostgresOptions, Recorded};
use metering::Ledger;
use stdx::clock::SystemClock;
use tenancy::{Environment, UsageEvent};
use tokio::sync::OnceCell;

/// Where a ledger is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A file.
    File(PathBuf),
    /// The URL of a PostgreSQL database.
    Postgres(String),
}

/// A ledger that is opened when the first batch comes, and gets every batch twice.
#[derive(Debug)]
pub(super) struct Twice {
    place: Place,
    control: OnceCell<Control>,
}

impl Place {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }
}

/// Opens the ledger, and sets it up if it is new.
pub(super) async fn open(place: &Place) -> Result<Control, ControlError> {
    let (clock, environment) = (SystemClock::shared(), Environment::Dev);
    match place {
        Place::File(path) => Control::open(path, clock, environment).await,
        Place::Postgres(url) => {
            Control::open_postgres(PostgresOptions::new(url), clock, environment, Migrate::Auto).await
        }
    }
}

impl Twice {
    pub(super) fn new(place: Place) -> Self {
        Self { place, control: OnceCell::new() }
    }
}

impl Ledger for Twice {
    fn record_usage<'a>(
        &'a self,
        events: Vec<UsageEvent>,
    ) -> Pin<Box<dyn Future<Output = Result<Recorded, ControlError>> + Send + 'a>> {
        Box::pin(async move {
            let control = self.control.get_or_try_init(|| open(&self.place)).await?;
            let first = control.record_usage(events.clone()).await?;
            let second = control.record_usage(events).await?;
            // Whatever was counted again would show as double in the end; a conflict would not.
            assert!(second.conflicting.is_empty(), "{:?}", second.conflicting);
            Ok(first)
        })
    }
}

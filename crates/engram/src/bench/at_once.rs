//! Work for many tenants: a few of them at once.

use anyhow::Result;
use indicatif::ProgressBar;
use tokio::task::JoinSet;

/// Requests at work at once while tenants are made and filled.
const AT_ONCE: usize = 16;

/// Does the work of every number below `count`, [`AT_ONCE`] of them at once.
pub(super) async fn for_each<F>(count: usize, progress: &ProgressBar, work: impl Fn(usize) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut numbers = 0..count;
    let mut at_work: JoinSet<_> = numbers.by_ref().take(AT_ONCE).map(&work).collect();
    while let Some(done) = at_work.join_next().await {
        done??;
        progress.inc(1);
        if let Some(number) = numbers.next() {
            at_work.spawn(work(number));
        }
    }
    Ok(())
}

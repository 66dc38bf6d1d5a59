//! What a start does about unsafe settings: nothing on a laptop, a warning in a rehearsal, and in prod no start.

use server::config::{Config, Strictness, Unsafe};

use crate::failure::Failure;
use crate::terminal;

/// Lets a safe configuration pass, warns of an unsafe one in staging, and refuses it in prod.
pub(super) fn require(config: &Config) -> Result<(), Failure> {
    for Unsafe { setting, why } in config.odd_settings() {
        tracing::warn!(setting, why, "an odd setting");
    }
    let found = config.unsafe_settings();
    match Strictness::of(config.service.environment) {
        Strictness::Silent => Ok(()),
        Strictness::Warn => {
            for Unsafe { setting, why } in found {
                tracing::warn!(setting, why, "prod would not start with this setting");
            }
            Ok(())
        }
        Strictness::Refuse if found.is_empty() => Ok(()),
        Strictness::Refuse => {
            for one in &found {
                terminal::remark(format!("unsafe: {one}"));
            }
            Err(refusal(&found))
        }
    }
}

/// One line with the name of every unsafe setting.
pub(crate) fn refusal(found: &[Unsafe]) -> Failure {
    let names: Vec<_> = found.iter().map(|one| one.setting).collect();
    Failure::refused(format!(
        "unsafe in prod: {}; `engram config check --env prod` says what to do about each",
        names.join(", ")
    ))
}

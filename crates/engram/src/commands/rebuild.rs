//! `engram rebuild`: an empty machine, the vault and the operator's key become the same service.

use clap::Args;
use server::backups::Rebuilt;
use server::ownership::{Claim, Ownership, create_data_folder};

use crate::cli::{Env, Shared, load};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  ENGRAM_BACKUP_OPERATOR_KEY=engk_... engram rebuild --data-dir /var/lib/engram --vault s3://bucket/engram
  engram rebuild --data-dir new --vault file:///mnt/backups/engram --set backup.operator_key_file=/media/key

Needs an empty data folder (and an empty database, with --control-url). The newest control plane in the vault is imported,
and every tenant's newest backup takes its place: tenants, people, keys, plans, usage and memories are as they were at those
moments. API keys work if the service has the same peppers as before (keys.peppers). Start it with `engram serve` afterwards.";

/// Make a lost service again from the vault and the operator's key
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rebuild {
    /// Kind of installation that was lost [default: dev]
    #[arg(long, value_enum, value_name = "ENV")]
    env: Option<Env>,
}

impl Rebuild {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let config = load(&shared.sources(&[("env", self.env.map(Env::word))])?)?;
        let folder = config.service.data_dir.clone();
        create_data_folder(&folder)?;
        let ownership = match Ownership::claim(&folder)? {
            Claim::Granted(ownership) => ownership,
            Claim::HeldBy(owner) => {
                return Err(Failure::refused(format!(
                    "{} is owned by process {}; a service is rebuilt in an empty folder",
                    folder.display(),
                    owner.pid
                )));
            }
        };
        let rebuilt = server::backups::rebuild(config).await;
        drop(ownership);
        show(shared.format(), &rebuilt.map_err(Failure::refused)?)
    }
}

fn show(format: Format, rebuilt: &Rebuilt) -> Result<(), Failure> {
    match format {
        Format::Json => terminal::json(rebuilt)?,
        Format::People => {
            terminal::line(format!(
                "the control plane is that of {} ({} rows)",
                rebuilt.control_plane, rebuilt.rows
            ));
            let rows = rebuilt.tenants.iter().map(|tenant| {
                let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
                let memories = tenant.memories.map_or_else(|| "-".to_owned(), |count| count.to_string());
                let as_of = tenant.as_of.map_or_else(|| "-".to_owned(), |at| at.to_string());
                [tenant.tenant.clone(), word(&tenant.backup), as_of, memories, word(&tenant.error)]
            });
            terminal::table(["TENANT", "BACKUP", "AS OF", "MEMORIES", "ERROR"], &[3], rows);
        }
    }
    let failed: Vec<_> =
        rebuilt.tenants.iter().filter(|t| t.error.is_some()).map(|t| t.tenant.as_str()).collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!("not restored: {}; try `engram restore` for each", failed.join(", "))))
}

//! Where backups go, what they are encrypted with, how often they are made and how long they are kept.

use std::path::{Path, PathBuf};

use super::secret::Secret;
use super::setting::{Setting, filled, number, path_text};

/// Most hours between two backups of a tenant that changes: a month.
const EVERY_HOURS_MAX: u32 = 31 * 24;
/// Most backups of a kind that are kept.
const KEPT_MAX: u32 = 1_000;

/// Where backups go and when.
#[derive(Debug, Clone)]
pub struct BackupSettings {
    /// `file:///path` or `s3://bucket/prefix`; the folder `vault` in the data folder when `None`.
    pub vault: Option<String>,
    /// The S3 server, when it is not Amazon's.
    pub vault_endpoint: Option<String>,
    /// The region that requests are signed for.
    pub vault_region: String,
    /// Who signs.
    pub vault_access_key_id: Option<String>,
    /// With what.
    pub vault_secret_access_key: Option<Secret>,
    /// The operator's key itself, and older ones that still open what they closed; better as a variable.
    pub operator_key: Option<Secret>,
    /// A file with the same, a line each.
    pub operator_key_file: Option<PathBuf>,
    /// Hours between two backups of a tenant that changes; 0: only when somebody asks.
    pub every_hours: u32,
    /// Newest backups of so many days.
    pub keep_daily: u32,
    /// Newest backups of so many weeks.
    pub keep_weekly: u32,
    /// Newest backups of so many months.
    pub keep_monthly: u32,
    /// Days that the file which a restore replaced is kept.
    pub keep_replaced_days: u32,
    /// Tenants whose backup is restored into a sandbox each week; 0: only when somebody asks.
    pub restore_tests: u32,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "backup.vault",
        "where backups go: file:///path or s3://bucket/prefix (the folder vault in the data folder)",
        |config, text| {
            let url = filled(text)?;
            if !url.starts_with("file:///") && !url.starts_with("s3://") {
                return Err("must be file:///path or s3://bucket/prefix".to_owned());
            }
            config.backup.vault = Some(url);
            Ok(())
        },
        |config| Some(config.backup.vault_url(&config.service.data_dir)),
    ),
    Setting::new(
        "backup.vault_endpoint",
        "the S3 server's URL, such as https://ACCOUNT.r2.cloudflarestorage.com (Amazon's)",
        |config, text| {
            let url = filled(text)?;
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err("must be an http:// or https:// URL".to_owned());
            }
            config.backup.vault_endpoint = Some(url);
            Ok(())
        },
        |config| config.backup.vault_endpoint.clone(),
    ),
    Setting::new(
        "backup.vault_region",
        "the region that requests to an S3 server are signed for (auto)",
        |config, text| {
            config.backup.vault_region = filled(text)?;
            Ok(())
        },
        |config| Some(config.backup.vault_region.clone()),
    ),
    Setting::new(
        "backup.vault_access_key_id",
        "the S3 server's access key id (the variable AWS_ACCESS_KEY_ID)",
        |config, text| {
            config.backup.vault_access_key_id = Some(filled(text)?);
            Ok(())
        },
        |config| config.backup.vault_access_key_id.clone(),
    ),
    Setting::new(
        "backup.vault_secret_access_key",
        "the S3 server's secret; better as a variable (the variable AWS_SECRET_ACCESS_KEY)",
        |config, text| {
            config.backup.vault_secret_access_key = Some(Secret::new(filled(text)?));
            Ok(())
        },
        |config| config.backup.vault_secret_access_key.as_ref().map(|_| "(set)".to_owned()),
    ),
    Setting::new(
        "backup.operator_key",
        "the key that opens every tenant's backup key, as `engram operator-key create` prints it; older keys behind it, with commas; better as a variable",
        |config, text| {
            config.backup.operator_key = Some(Secret::new(filled(text)?));
            Ok(())
        },
        |config| config.backup.operator_key.as_ref().map(|_| "(set)".to_owned()),
    ),
    Setting::new(
        "backup.operator_key_file",
        "file with the same, a line each (control/operator-key in the data folder, made at the first start)",
        |config, text| {
            config.backup.operator_key_file = Some(PathBuf::from(filled(text)?));
            Ok(())
        },
        |config| config.backup.operator_key_file.as_deref().map(path_text),
    ),
    Setting::new(
        "backup.every_hours",
        "hours between two backups of a tenant that changes; 0: only when somebody asks (24)",
        |config, text| {
            config.backup.every_hours = number(text, 0, EVERY_HOURS_MAX)?;
            Ok(())
        },
        |config| Some(config.backup.every_hours.to_string()),
    ),
    Setting::new(
        "backup.keep_daily",
        "days whose newest backup is kept (7)",
        |config, text| {
            config.backup.keep_daily = number(text, 1, KEPT_MAX)?;
            Ok(())
        },
        |config| Some(config.backup.keep_daily.to_string()),
    ),
    Setting::new(
        "backup.keep_weekly",
        "weeks whose newest backup is kept (4)",
        |config, text| {
            config.backup.keep_weekly = number(text, 0, KEPT_MAX)?;
            Ok(())
        },
        |config| Some(config.backup.keep_weekly.to_string()),
    ),
    Setting::new(
        "backup.keep_monthly",
        "months whose newest backup is kept (3)",
        |config, text| {
            config.backup.keep_monthly = number(text, 0, KEPT_MAX)?;
            Ok(())
        },
        |config| Some(config.backup.keep_monthly.to_string()),
    ),
    Setting::new(
        "backup.keep_replaced_days",
        "days that the file which a restore replaced is kept beside the new one (7)",
        |config, text| {
            config.backup.keep_replaced_days = number(text, 0, 365)?;
            Ok(())
        },
        |config| Some(config.backup.keep_replaced_days.to_string()),
    ),
    Setting::new(
        "backup.restore_tests",
        "tenants whose backup is restored into a sandbox each week, to prove it; 0: only when somebody asks (10)",
        |config, text| {
            config.backup.restore_tests = number(text, 0, 100_000)?;
            Ok(())
        },
        |config| Some(config.backup.restore_tests.to_string()),
    ),
];

impl BackupSettings {
    /// The vault's URL, asked for or not.
    pub fn vault_url(&self, data_dir: &Path) -> String {
        self.vault.clone().unwrap_or_else(|| {
            let absolute = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
            format!("file://{}", absolute.join("vault").display())
        })
    }

    /// Whether somebody gave the operator's key, rather than have the first start make one beside the data.
    pub fn has_operator_key(&self) -> bool {
        self.operator_key.is_some() || self.operator_key_file.is_some()
    }

    /// What does not fit together.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let mut told = Vec::new();
        if self.operator_key.is_some() && self.operator_key_file.is_some() {
            told.push(
                "backup.operator_key and backup.operator_key_file are both set; leave one out".to_owned(),
            );
        }
        let is_s3 = self.vault.as_ref().is_some_and(|url| url.starts_with("s3://"));
        if self.vault_endpoint.is_some() && !is_s3 {
            told.push("backup.vault_endpoint needs an s3:// URL in backup.vault".to_owned());
        }
        if self.vault_access_key_id.is_some() != self.vault_secret_access_key.is_some() && is_s3 {
            told.push(
                "backup.vault_access_key_id and backup.vault_secret_access_key go together; set both"
                    .to_owned(),
            );
        }
        told
    }
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self {
            vault: None,
            vault_endpoint: None,
            vault_region: "auto".to_owned(),
            vault_access_key_id: None,
            vault_secret_access_key: None,
            operator_key: None,
            operator_key_file: None,
            every_hours: 24,
            keep_daily: 7,
            keep_weekly: 4,
            keep_monthly: 3,
            keep_replaced_days: 7,
            restore_tests: 10,
        }
    }
}

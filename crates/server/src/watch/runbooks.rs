//! The pages of the playbook, in the binary: who needs one may have no copy of the repository at hand.

/// One page.
#[derive(Debug, Clone, Copy)]
pub struct Runbook {
    /// Its name, which is that of its alert.
    pub name: &'static str,
    /// Its text, in Markdown.
    pub text: &'static str,
}

macro_rules! runbook {
    ($name:literal) => {
        Runbook { name: $name, text: include_str!(concat!("../../../../docs/runbooks/", $name, ".md")) }
    };
}

/// Every page of `docs/runbooks/`.
pub const RUNBOOKS: &[Runbook] = &[
    runbook!("5xx_rate"),
    runbook!("auth_failure_burn"),
    runbook!("auth_failures_spike"),
    runbook!("availability_burn"),
    runbook!("backup_failures"),
    runbook!("backup_not_verified"),
    runbook!("backup_stale"),
    runbook!("certificate_reload_failures"),
    runbook!("db_open_failures"),
    runbook!("disk_space"),
    runbook!("embedding_failures"),
    runbook!("error_rate_burn"),
    runbook!("job_failures"),
    runbook!("jwks_stale"),
    runbook!("latency_burn"),
    runbook!("metrics_absent"),
    runbook!("overload"),
    runbook!("p95_latency"),
    runbook!("panics"),
    runbook!("rate_limited_anomaly"),
    runbook!("restore_test_failed"),
    runbook!("restore_test_overdue"),
    runbook!("shedding"),
    runbook!("tenants_quarantined"),
    runbook!("usage_drift"),
    runbook!("usage_events_lost"),
    runbook!("usage_flush_failures"),
    runbook!("usage_spool_backlog"),
    runbook!("wal_growth"),
];

/// The page of that name.
pub fn runbook(name: &str) -> Option<&'static Runbook> {
    RUNBOOKS.iter().find(|page| page.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_folder_is_here_and_every_check_names_one() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/runbooks");
        let mut there: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
            .filter(|name| name != "README")
            .collect();
        there.sort();
        assert_eq!(RUNBOOKS.iter().map(|page| page.name).collect::<Vec<_>>(), there);
        for check in crate::watch::CHECKS {
            assert!(runbook(check.runbook).is_some(), "{}", check.name);
        }
    }
}

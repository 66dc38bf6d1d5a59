//! The table of jobs in the operators' documentation, against the registry.

use std::time::Duration;

use server::jobs::JOBS;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");

/// How the table says how often a job runs.
fn in_words(every: Duration) -> String {
    match every.as_secs() {
        seconds if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[test]
fn every_job_stands_in_the_operators_table_as_often_as_it_runs() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (_, section) = page.split_once("## Background jobs\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows = section.lines().filter(|line| line.starts_with("| `")).map(cells);
    let rows: Vec<Vec<String>> = rows.collect();
    assert_eq!(rows.len(), JOBS.len());
    for (row, job) in rows.iter().zip(JOBS) {
        let [name, every, does, seen] = row.as_slice() else { panic!("{row:?} has another number of cells") };
        assert_eq!(*name, format!("`{}`", job.name), "in the order of the registry");
        let mut parts = every.split(", ");
        assert_eq!(parts.next(), Some(in_words(job.every).as_str()), "{name}");
        assert_eq!(parts.any(|part| part.contains("at the start")), job.is_at_start(), "{name}: {every}");
        assert!(!does.is_empty() && !seen.is_empty(), "{row:?}");
    }
}

//! The alerts of `deploy/prometheus`: valid, tested firing and silent, sensitive to their thresholds, each with a runbook.

mod mutations;
mod promtool;
mod rules;
mod runbooks;

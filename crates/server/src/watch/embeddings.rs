//! Whether the embedding model answers, and how many memories wait for its vectors.

use embedding::Health;

use super::Finding;
use crate::app::App;
use crate::jobs::Waiting;

pub(super) async fn look(app: &App) -> Finding {
    let model = app.vectors.model();
    judge(
        model.as_ref().map(|model| &*model.name),
        &app.vectors.provider().health(),
        app.embedding_backlog.waiting(),
    )
}

fn judge(model: Option<&str>, health: &Health, waiting: Waiting) -> Finding {
    let Waiting { memories, stores, is_known } = waiting;
    let of = model.map_or_else(String::new, |model| format!(" of {model}"));
    let told = match (memories, stores, is_known) {
        (0, 0, true) => format!("no memory waits for a vector{of}"),
        (0, 0, false) => {
            format!("no memory of an open store waits for a vector{of}; closed stores were not asked yet")
        }
        (_, _, _) => format!("{memories} memories wait for a vector{of}; {stores} closed stores to go"),
    };
    match (health, model) {
        (Health::Down { since, last_error }, _) => {
            Finding::Warn(format!("the model has not answered since {since} ({last_error}); {told}"))
        }
        (Health::Up, None) => Finding::Warn(format!("the model has not answered yet; {told}")),
        (Health::Up, Some(_)) => Finding::Ok(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_told_and_a_model_that_is_silent_is_a_warning() {
        let down = Health::Down { since: jiff::Timestamp::UNIX_EPOCH, last_error: "503".to_owned() };
        let waiting = |memories, stores, is_known| Waiting { memories, stores, is_known };
        for (model, health, waiting, want) in [
            (Some("m"), &Health::Up, waiting(0, 0, true), ("ok", "no memory waits for a vector of m")),
            (Some("m"), &Health::Up, waiting(0, 0, false), ("ok", "closed stores were not asked yet")),
            (
                Some("m"),
                &Health::Up,
                waiting(7, 2, true),
                ("ok", "7 memories wait for a vector of m; 2 closed"),
            ),
            (
                Some("m"),
                &down,
                waiting(7, 0, true),
                ("warn", "since 1970-01-01T00:00:00Z (503); 7 memories wait"),
            ),
            (None, &Health::Up, waiting(1, 0, false), ("warn", "has not answered yet; 1 memories wait")),
        ] {
            let found = judge(model, health, waiting);
            assert_eq!(found.status(), want.0);
            let detail = found.into_detail();
            assert!(detail.contains(want.1), "{detail}");
        }
    }
}

//! Whether there is room on the data volume.

use fleet::VolumeSpace;

use super::Finding;
use crate::app::App;

/// Below this share of free space somebody should look, in percent.
const FREE_PERCENT_MIN: u64 = 10;

pub(super) async fn look(app: &App) -> Finding {
    match app.fleet.volume_space() {
        Ok(space) => judge(space),
        Err(error) => Finding::Fail(format!("the volume cannot be asked: {error}")),
    }
}

fn judge(space: VolumeSpace) -> Finding {
    let percent = (space.free_bytes * 100).checked_div(space.size_bytes).unwrap_or(100);
    let told = format!("{percent} % free, {} MiB", space.free_bytes / (1024 * 1024));
    if space.is_nearly_full {
        Finding::Fail(format!("{told}: writes are refused until there is room"))
    } else if percent < FREE_PERCENT_MIN {
        Finding::Warn(told)
    } else {
        Finding::Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_judged_before_it_is_gone() {
        let space = |free_bytes, is_nearly_full| VolumeSpace { free_bytes, size_bytes: 100, is_nearly_full };
        for (free, is_nearly_full, want) in [(50, false, "ok"), (9, false, "warn"), (4, true, "fail")] {
            assert_eq!(judge(space(free, is_nearly_full)).status(), want);
        }
    }
}

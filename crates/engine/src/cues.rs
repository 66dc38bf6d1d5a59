//! What a query says beside its words: dates, in whole or part or relative to the present, and who is asked about.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use crate::analysis::for_each_word;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// Words before "may" or "march" that make them months.
const BEFORE_A_MONTH: &[&str] = &[
    "in", "of", "since", "during", "last", "next", "this", "early", "late", "mid", "by", "until", "before",
    "after",
];

/// Words of somebody who speaks of himself. "Us" and "mine" are also a country and a pit.
const OF_ONESELF: &[&str] = &["i", "my", "me", "myself", "we", "our", "ours", "ourselves"];
/// Words for who is spoken to, as they are folded.
const OF_THE_OTHER: &[&str] = &["you", "your", "yours", "yourself", "youd", "youve", "youre", "youll"];
/// Words by which a question is English; "i", "my" and "me" are words of other languages, too.
const OF_ENGLISH: &[&str] = &[
    "what", "when", "where", "which", "who", "whose", "how", "why", "did", "do", "does", "have", "had", "am",
    "is", "are", "was", "were", "the", "a", "to", "of", "in", "about",
];

/// Who says "I" to an agent, as transcripts name them.
const ASKERS: [&str; 2] = ["user", "human"];

/// Whether an actor of this name is the user of an agent.
pub(crate) fn is_asker(name: &str) -> bool {
    ASKERS.iter().any(|asker| name.trim().eq_ignore_ascii_case(asker))
}

/// Whether the text asks what the asker said or did: in English, in the first person, and not what the other said.
pub(crate) fn is_about_the_asker(text: &str) -> bool {
    let (mut of_oneself, mut of_the_other, mut of_english) = (false, false, false);
    let mut after_a_name = false;
    for (at, said) in text.split_whitespace().enumerate() {
        // "I'm", "I've" and "I'd" are "I".
        let short = said.split_once(['\'', '\u{2019}']).map(|(word, _)| word);
        let whole = short.filter(|word| word.eq_ignore_ascii_case("i")).unwrap_or(said);
        for_each_word(whole, |word| {
            // "World War I" is over.
            of_oneself |= OF_ONESELF.contains(&word) && !(word == "i" && after_a_name);
            of_the_other |= OF_THE_OTHER.contains(&word);
            of_english |= OF_ENGLISH.contains(&word);
        });
        after_a_name = at > 0 && said.starts_with(char::is_uppercase);
    }
    of_oneself && of_english && !of_the_other
}

/// A time a query speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateCue {
    /// What is named of a date; a part that is not named matches everything.
    Calendar { year: Option<i16>, month: Option<i8>, day: Option<i8> },
    /// From the first day to the last, both included.
    Days { first: Date, last: Date },
}

impl DateCue {
    /// Whether the instant falls on a day (UTC) the cue speaks of.
    pub(crate) fn matches(&self, at_ms: i64) -> bool {
        let Ok(at) = Timestamp::from_millisecond(at_ms) else { return false };
        let date = at.to_zoned(TimeZone::UTC).date();
        match *self {
            Self::Calendar { year, month, day } => {
                year.is_none_or(|y| y == date.year())
                    && month.is_none_or(|m| m == date.month())
                    && day.is_none_or(|d| d == date.day())
            }
            Self::Days { first, last } => (first..=last).contains(&date),
        }
    }
}

/// Every time the text speaks of, seen from `now_ms`.
pub(crate) fn dates(text: &str, now_ms: i64) -> Vec<DateCue> {
    let lower = text.to_lowercase();
    let mut cues: Vec<DateCue> = lower
        .split(|c: char| !(c.is_ascii_digit() || c == '-'))
        .filter_map(|piece| piece.parse::<Date>().ok())
        .map(|date| DateCue::Days { first: date, last: date })
        .collect();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let today = Timestamp::from_millisecond(now_ms).unwrap_or_default().to_zoned(TimeZone::UTC).date();
    let is_iso = !cues.is_empty();
    let mut at = 0;
    while at < words.len() {
        let (cue, used) = relative(&words[at..], today)
            .or_else(|| calendar(&words, at))
            .or_else(|| if is_iso { None } else { year(words[at]).map(|y| (whole_year(y), 1)) })
            .map_or((None, 1), |(cue, used)| (Some(cue), used));
        cues.extend(cue);
        at += used;
    }
    cues
}

fn whole_year(year: i16) -> DateCue {
    DateCue::Calendar { year: Some(year), month: None, day: None }
}

/// A month with the day and the year around it, starting at word `at`; with the words it takes.
fn calendar(words: &[&str], at: usize) -> Option<(DateCue, usize)> {
    let word = |offset: usize| words.get(at + offset).copied().unwrap_or("");
    let skip_of = |offset: usize| if word(offset) == "of" { offset + 1 } else { offset };
    if let Some(day) = day(word(0)) {
        let month_at = skip_of(1);
        let month = month(word(month_at))?;
        let year = year(word(month_at + 1));
        let used = month_at + 1 + usize::from(year.is_some());
        return Some((DateCue::Calendar { year, month: Some(month), day: Some(day) }, used));
    }
    let month = month(word(0))?;
    let day = day(word(1));
    let year_at = 1 + usize::from(day.is_some());
    let year = year(word(year_at));
    let before = at.checked_sub(1).and_then(|before| words.get(before)).copied().unwrap_or("");
    let ambiguous = matches!(word(0), "may" | "march" | "mar");
    if ambiguous && day.is_none() && year.is_none() && !BEFORE_A_MONTH.contains(&before) {
        return None;
    }
    Some((DateCue::Calendar { year, month: Some(month), day }, year_at + usize::from(year.is_some())))
}

/// "yesterday", "last summer", "three weeks ago": with the words it takes.
fn relative(words: &[&str], today: Date) -> Option<(DateCue, usize)> {
    let word = |offset: usize| words.get(offset).copied().unwrap_or("");
    let one_day = |days: i64| days_around(today, days, days);
    match word(0) {
        "today" | "tonight" => return Some((one_day(0)?, 1)),
        "yesterday" => return Some((one_day(-1)?, 1)),
        "tomorrow" => return Some((one_day(1)?, 1)),
        "last" | "past" | "previous" => return last(word(1), today).map(|cue| (cue, 2)),
        "this" => {
            let cue = match word(1) {
                "week" => days_around(today, -i64::from(today.weekday().to_monday_zero_offset()), 6),
                "month" => Some(DateCue::Calendar {
                    year: Some(today.year()),
                    month: Some(today.month()),
                    day: None,
                }),
                "year" => Some(whole_year(today.year())),
                _ => None,
            };
            return cue.map(|cue| (cue, 2));
        }
        _ => {}
    }
    if word(2) != "ago" {
        return None;
    }
    let count = count(word(0))?;
    // The longer ago, the vaguer the speaker: a unit's worth of slack on either side beyond days.
    let cue = match word(1).trim_end_matches('s') {
        "day" => one_day(-count),
        "week" => days_around(today, -7 * count - 3, -7 * count + 3),
        "month" => days_around(today, -30 * count - 15, -30 * count + 15),
        "year" => Some(whole_year(today.year() - i16::try_from(count).ok()?)),
        _ => None,
    };
    cue.map(|cue| (cue, 3))
}

fn last(unit: &str, today: Date) -> Option<DateCue> {
    if let Some(weekday) = WEEKDAYS.iter().position(|name| *name == unit) {
        let back =
            (i64::from(today.weekday().to_monday_zero_offset()) - weekday as i64 + 6).rem_euclid(7) + 1;
        return days_around(today, -back, -back);
    }
    match unit {
        "night" => days_around(today, -1, 0),
        "week" => days_around(today, -13, -1),
        "weekend" => days_around(today, -9, -1),
        "month" => {
            let month = today.checked_sub(1.month()).ok()?;
            Some(DateCue::Calendar { year: Some(month.year()), month: Some(month.month()), day: None })
        }
        "year" => Some(whole_year(today.year() - 1)),
        "spring" => season(today, 3),
        "summer" => season(today, 6),
        "autumn" | "fall" => season(today, 9),
        "winter" => season(today, 12),
        _ => month(unit).map(|month| {
            let year = if month < today.month() { today.year() } else { today.year() - 1 };
            DateCue::Calendar { year: Some(year), month: Some(month), day: None }
        }),
    }
}

/// The last season of three months, starting with `month`, that has begun before this one.
fn season(today: Date, month: i8) -> Option<DateCue> {
    let mut first = Date::new(today.year(), month, 1).ok()?;
    if first.checked_add(3.months()).ok()? > today {
        first = first.checked_sub(1.year()).ok()?;
    }
    Some(DateCue::Days { first, last: first.checked_add(3.months()).ok()?.yesterday().ok()? })
}

fn days_around(today: Date, from: i64, to: i64) -> Option<DateCue> {
    let day = |offset: i64| today.checked_add(Span::new().try_days(offset).ok()?).ok();
    Some(DateCue::Days { first: day(from)?, last: day(to)? })
}

fn month(word: &str) -> Option<i8> {
    let at = MONTHS.iter().position(|name| {
        *name == word
            || (word.len() == 3 && name.starts_with(word))
            || (word == "sept" && *name == "september")
    })?;
    i8::try_from(at + 1).ok()
}

fn day(word: &str) -> Option<i8> {
    let digits =
        word.trim_end_matches("st").trim_end_matches("nd").trim_end_matches("rd").trim_end_matches("th");
    digits.parse().ok().filter(|day| (1..=31).contains(day))
}

fn year(word: &str) -> Option<i16> {
    (word.len() == 4).then(|| word.parse().ok()).flatten().filter(|year| (1900..2100).contains(year))
}

fn count(word: &str) -> Option<i64> {
    const NUMBERS: [&str; 10] =
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    if matches!(word, "a" | "an") {
        return Some(1);
    }
    NUMBERS
        .iter()
        .position(|number| *number == word)
        .and_then(|at| i64::try_from(at + 1).ok())
        .or_else(|| word.parse().ok().filter(|count| (1..=1_000).contains(count)))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// Cues as seen on Tuesday, 24 November 2026.
    fn check(text: &str, want: &[DateCue]) {
        let now = date(2026, 11, 24).to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond();
        assert_eq!(dates(text, now), want, "{text:?}");
    }

    fn on(year: i16, month: i8, day: i8) -> DateCue {
        DateCue::Calendar {
            year: (year > 0).then_some(year),
            month: (month > 0).then_some(month),
            day: (day > 0).then_some(day),
        }
    }

    fn days(first: Date, last: Date) -> DateCue {
        DateCue::Days { first, last }
    }

    #[test]
    fn who_asks_is_told_from_who_is_asked() {
        for (text, want) in [
            ("What did I buy at the market?", true),
            ("where's the place we met", true),
            ("How long have I been working on my thesis?", true),
            ("I've lost track of what I'm allergic to", true),
            ("What colour is my car?", true),
            ("What did you recommend to me?", false),
            ("Which hotel was it you'd told me about?", false),
            ("What does Ana like?", false),
            ("What happened in World War I?", false),
            ("What does the US export?", false),
            ("Hvor i Oslo bor Anna?", false),
            ("Dove abitano i genitori di Anna?", false),
            ("Wer wohnt im Haus am See?", false),
            ("", false),
        ] {
            assert_eq!(is_about_the_asker(text), want, "{text}");
        }
    }

    #[test]
    fn calendar_dates_in_whole_and_part() {
        check("What did Ann do on 8 May 2023?", &[on(2023, 5, 8)]);
        check("on May 8th, 2023", &[on(2023, 5, 8)]);
        check("the 3rd of july", &[on(0, 7, 3)]);
        check("in May", &[on(0, 5, 0)]);
        check("Sept 2022 and 2019", &[on(2022, 9, 0), on(2019, 0, 0)]);
        check("since 2023-05-08", &[days(date(2023, 5, 8), date(2023, 5, 8))]);
        check("it may rain, we march on", &[]);
        check("room 12, call 5551234", &[]);
    }

    #[test]
    fn times_relative_to_the_present() {
        check("what happened yesterday", &[days(date(2026, 11, 23), date(2026, 11, 23))]);
        check("last summer", &[days(date(2026, 6, 1), date(2026, 8, 31))]);
        check("last winter", &[days(date(2025, 12, 1), date(2026, 2, 28))]);
        check("last month", &[on(2026, 10, 0)]);
        check("last tuesday", &[days(date(2026, 11, 17), date(2026, 11, 17))]);
        check("last december", &[on(2025, 12, 0)]);
        check("three days ago", &[days(date(2026, 11, 21), date(2026, 11, 21))]);
        check("2 years ago", &[on(2024, 0, 0)]);
        check("this year", &[on(2026, 0, 0)]);
    }

    #[test]
    fn a_part_of_a_date_matches_every_day_it_covers() {
        let at = date(2023, 5, 8).to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond();
        for (cue, want) in [(on(2023, 5, 8), true), (on(0, 5, 0), true), (on(2022, 0, 0), false)] {
            assert_eq!(cue.matches(at), want);
        }
    }

    proptest::proptest! {
        #[test]
        fn odd_text_never_panics(text in "\\PC{0,200}") {
            let _ = dates(&text, i64::MAX);
        }
    }
}

//! Charts as SVG, drawn here: shapes only, with words around them, so that they scale without a script and say in
//! words what they show.

use maud::{Markup, html};

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// One line of a chart.
pub(super) struct Series<'a> {
    /// What it is called.
    pub(super) name: &'a str,
    /// The class that colours it.
    pub(super) class: &'a str,
    /// A value for each step; `None` where there is none.
    pub(super) values: Vec<Option<f64>>,
}

/// One bar of a chart.
pub(super) struct Bar {
    /// What is told of it on a closer look.
    pub(super) title: String,
    /// Its height.
    pub(super) value: f64,
}

/// Lines over time, the first of them filled.
pub(super) fn lines(
    what: &str,
    series: &[Series<'_>],
    ends: (&str, &str),
    show: impl Fn(f64) -> String,
) -> Markup {
    let most = nice(series.iter().flat_map(|series| &series.values).flatten().copied().fold(0.0, f64::max));
    let last = |series: &Series<'_>| series.values.iter().rev().flatten().next().copied();
    let told = series.iter().map(|series| {
        let now = last(series).map_or_else(|| "nothing".to_owned(), &show);
        format!("{} {now}", series.name)
    });
    let told = told.collect::<Vec<_>>().join(", ");
    html! {
        figure .chart {
            figcaption {
                span { (what) }
                @for series in series {
                    span .key { i .swatch .(series.class) {} (series.name) @if let Some(now) = last(series) { " " b { (show(now)) } } }
                }
            }
            div .plot {
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label={ (what) ": " (told) } {
                    (grid())
                    @for (at, series) in series.iter().enumerate() {
                        @for run in runs(&series.values, most) {
                            @if at == 0 { path .area .(series.class) d=(area(&run)) {} }
                            path .stroke .(series.class) d=(stroke(&run)) {}
                        }
                    }
                }
                span .most { (show(most)) }
            }
            div .ends { span { (ends.0) } span { (ends.1) } }
        }
    }
}

/// Bars side by side, against a limit if there is one.
pub(super) fn bars(what: &str, bars: &[Bar], ends: (&str, &str), show: impl Fn(f64) -> String) -> Markup {
    let most = nice(bars.iter().map(|bar| bar.value).fold(0.0, f64::max));
    let step = WIDTH / bars.len().max(1) as f64;
    let all: f64 = bars.iter().map(|bar| bar.value).sum();
    html! {
        figure .chart {
            figcaption { span { (what) } span .key { "together " b { (show(all)) } } }
            div .plot {
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label={ (what) ", together " (show(all)) } {
                    (grid())
                    @for (at, bar) in bars.iter().enumerate() {
                        @let height = (bar.value / most * HEIGHT).clamp(0.0, HEIGHT);
                        rect .bar x=(round(at as f64 * step + step * 0.14)) width=(round(step * 0.72)) y=(round(HEIGHT - height)) height=(round(height)) {
                            title { (bar.title) }
                        }
                    }
                }
                span .most { (show(most)) }
            }
            div .ends { span { (ends.0) } span { (ends.1) } }
        }
    }
}

/// How much of something is used, as a bar that fills.
pub(super) fn meter(label: &str, used: &str, share: Option<f64>) -> Markup {
    let tone = match share {
        Some(share) if share >= 0.95 => "bad",
        Some(share) if share >= 0.8 => "warn",
        _ => "good",
    };
    html! {
        div .meter {
            div .meter-head { span { (label) } b { (used) } }
            @if let Some(share) = share {
                svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                    rect .track width="100" height="1" {}
                    rect .fill .(tone) width=(round(share.clamp(0.0, 1.0) * 100.0)) height="1" {}
                }
            }
        }
    }
}

/// A signed amount as a bar from the middle line, or from the left when nothing is below zero.
pub(super) fn amount(class: &str, value: f64, least: f64, most: f64) -> Markup {
    let span = (most - least).max(f64::EPSILON);
    let place = |value: f64| round((value - least) / span * 100.0);
    let (from, to) = if value < 0.0 { (place(value), place(0.0)) } else { (place(0.0), place(value)) };
    html! {
        svg .amount viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
            rect .track width="100" height="1" {}
            rect .fill .(class) x=(from) width=(round((to - from).max(0.4))) height="1" {}
            @if least < 0.0 { rect .zero x=(place(0.0)) width="0.3" height="1" {} }
        }
    }
}

/// Amounts one behind the other, as parts of `most`.
pub(super) fn stacked(parts: &[(&str, f64)], most: f64) -> Markup {
    let mut at = 0.0;
    let scale = 100.0 / most.max(f64::EPSILON);
    let placed: Vec<_> = parts
        .iter()
        .filter(|(_, value)| *value > 0.0)
        .map(|(class, value)| {
            let from = at;
            at += value * scale;
            (*class, from, value * scale)
        })
        .collect();
    html! {
        svg .stacked viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
            rect .track width="100" height="1" {}
            @for (class, from, width) in placed {
                rect .fill .{ "sig-" (class) } x=(round(from)) width=(round(width)) height="1" {}
            }
        }
    }
}

fn grid() -> Markup {
    html! { @for part in [0.0, 0.5, 1.0] { path .grid d={ "M0 " (part * HEIGHT) "H" (WIDTH) } {} } }
}

/// The points of a series, broken where it has no value.
fn runs(values: &[Option<f64>], most: f64) -> Vec<Vec<(f64, f64)>> {
    let step = WIDTH / (values.len().max(2) - 1) as f64;
    let mut runs: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for (at, value) in values.iter().enumerate() {
        match value {
            Some(value) => {
                let point = (round(at as f64 * step), round(HEIGHT - value / most * HEIGHT));
                if let Some(run) = runs.last_mut() {
                    run.push(point);
                }
            }
            None => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn stroke(run: &[(f64, f64)]) -> String {
    // One point alone is a dash, or nobody would see it.
    let dash = if run.len() == 1 { "h1" } else { "" };
    let points: Vec<_> = run.iter().map(|(x, y)| format!("{x} {y}")).collect();
    format!("M{}{dash}", points.join("L"))
}

fn area(run: &[(f64, f64)]) -> String {
    let (first, last) = (run.first().map_or(0.0, |p| p.0), run.last().map_or(0.0, |p| p.0));
    format!("{}L{last} {HEIGHT}L{first} {HEIGHT}Z", stroke(run))
}

/// The next round number: the top of an axis.
fn nice(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let unit = 10f64.powf(most.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * unit).find(|top| *top >= most).unwrap_or(most)
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, want) in [(0.0, 1.0), (0.7, 1.0), (3.0, 5.0), (17.0, 20.0), (100.0, 100.0), (101.0, 200.0)]
        {
            assert!((nice(most) - want).abs() < 1e-9, "{most}");
        }
    }

    #[test]
    fn a_line_breaks_where_nothing_is_known() {
        let runs = runs(&[Some(1.0), Some(2.0), None, Some(0.0)], 2.0);
        assert_eq!(runs, [vec![(0.0, 60.0), (200.0, 0.0)], vec![(600.0, 120.0)]]);
        assert_eq!(stroke(&runs[1]), "M600 120h1");
    }

    #[test]
    fn words_in_a_chart_are_text() {
        let chart =
            bars("<b>", &[Bar { title: "<script>".to_owned(), value: 1.0 }], ("", ""), |v| v.to_string());
        assert!(!chart.into_string().contains("<script>"));
    }
}

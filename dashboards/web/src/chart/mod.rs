//! Charts, drawn with `plotters` into fluid SVG.
//!
//! `plotters` maps values to places, chooses round numbers for the axis and draws the series; the backend in
//! `surface` writes SVG that stretches to any width without stretching its text, and carries classes instead of
//! colours. That way one drawing serves a telephone and a wide screen, in light and in dark.

mod axis;
mod drawing;
mod surface;

use chrono::{DateTime, Utc};
use maud::{Markup, html};

pub(crate) use self::axis::TimeAxis;
use self::drawing::{draw_bars, draw_line};

/// A drawn chart, and where each of its points or bars is, for the readout.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) svg: Markup,
    pub(crate) places: Vec<Place>,
}

/// Where a point is: from the left in hundredths of a percent of the width, and from the top in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    x: i32,
    y: i32,
}

impl Place {
    /// For a `data-at` attribute: percent and pixels.
    pub(crate) fn attribute(self) -> String {
        format!("{}.{:02} {}", self.x / 100, self.x % 100, self.y)
    }
}

/// One bar: the whole, and a part of it drawn stronger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BarValue {
    pub(crate) start: DateTime<Utc>,
    pub(crate) whole: f64,
    pub(crate) part: f64,
}

/// A line over time, with the area under it shaded. `label` says in one sentence what it shows.
pub(crate) fn line(axis: &TimeAxis, points: &[(DateTime<Utc>, f64)], height: u32, label: &str) -> Chart {
    finish(draw_line(axis, points, height), height, label)
}

/// Bars over time from zero.
pub(crate) fn bars(axis: &TimeAxis, bars: &[BarValue], height: u32, label: &str) -> Chart {
    finish(draw_bars(axis, bars, height), height, label)
}

fn finish(drawn: Option<(surface::Ink, Vec<Place>)>, height: u32, label: &str) -> Chart {
    let (ink, places) = drawn.unwrap_or_default();
    let svg = html! {
        svg.chart width="100%" height=(height) role="img" aria-label=(label) { (ink) }
    };
    Chart { svg, places }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use expect_test::expect;

    use super::*;

    fn axis() -> TimeAxis {
        let from: DateTime<Utc> = "2024-10-19T00:00:00Z".parse().unwrap();
        TimeAxis::new(from, from + TimeDelta::hours(4), TimeDelta::hours(1))
    }

    #[test]
    fn bars_carry_classes_and_fluid_text() {
        let values = [(0, 5.0, 3.0), (2, 10.0, 4.0)];
        let values: Vec<BarValue> = values
            .into_iter()
            .map(|(hour, whole, part)| BarValue {
                start: axis().from() + TimeDelta::hours(hour),
                whole,
                part,
            })
            .collect();
        let chart = bars(&axis(), &values, 100, "two <bars>");
        let shown = chart.svg.into_string().replace("><", ">\n<");
        expect![[r#"
            <svg class="chart" width="100%" height="100" role="img" aria-label="two &lt;bars&gt;">
            <svg viewBox="0 0 10000 1000" preserveAspectRatio="none" width="100%" height="100%">
            <path class="pen-grid" d="M0 739L9999 739M0 462L9999 462M0 185L9999 185">
            </path>
            <path class="pen-whole" d="M274 462h1950v277h-1950zM5274 185h1950v554h-1950z">
            </path>
            <path class="pen-part" d="M274 573h1950v166h-1950zM5274 518h1950v221h-1950z">
            </path>
            </svg>
            <text x="0.00%" y="77" dx="-9" text-anchor="end">0</text>
            <text x="0.00%" y="50" dx="-9" text-anchor="end">5</text>
            <text x="0.00%" y="22" dx="-9" text-anchor="end">10</text>
            <text x="24.99%" y="91" text-anchor="middle">01:00</text>
            <text x="49.99%" y="91" text-anchor="middle">02:00</text>
            <text x="74.99%" y="91" text-anchor="middle">03:00</text>
            </svg>"#]]
        .assert_eq(&shown);
        let places: Vec<String> = chart.places.into_iter().map(Place::attribute).collect();
        expect!["12.49 46, 62.49 18"].assert_eq(&places.join(", "));
    }

    #[test]
    fn strange_series_are_drawn_without_panic() {
        let from = axis().from();
        let series: [&[f64]; 6] =
            [&[], &[1.0], &[5.0, 5.0], &[0.0, 0.0], &[f64::MAX, 0.0], &[f64::NAN, f64::INFINITY, 2.0]];
        for values in series {
            let points: Vec<_> = values.iter().map(|value| (from, *value)).collect();
            assert!(!line(&axis(), &points, 100, "x").svg.into_string().contains("NaN"));
            let values: Vec<_> =
                values.iter().map(|value| BarValue { start: from, whole: *value, part: 0.0 }).collect();
            assert!(!bars(&axis(), &values, 100, "x").svg.into_string().contains("NaN"));
        }
    }
}

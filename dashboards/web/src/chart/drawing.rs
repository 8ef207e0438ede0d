//! The series and the grid, in `plotters`' terms.

use std::ops::Range;

use chrono::{DateTime, Utc};
use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use rust_decimal::{Decimal, prelude::FromPrimitive};

use super::{
    BarValue, Place, TimeAxis,
    surface::{Ink, PIXEL, Pen, Surface},
};
use crate::format;

/// Round numbers on the vertical axis.
const GRID_LINES_MAX: usize = 5;
/// Room above the highest point, and below the plot for the time labels, in pixels.
const TOP_PX: u32 = 14;
const BOTTOM_PX: u32 = 26;
/// Where the labels' feet stand: so that they are centred on their grid line, and below the plot.
const LABEL_FOOT_PX: u32 = 4;
const LABEL_DROP_PX: u32 = 18;
/// The part of a bar's step that stays empty on either side.
const BAR_GAP: f64 = 0.11;

type Plot<'a> = ChartContext<'a, Surface<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws a line; `None` if there is nothing that could be drawn.
pub(super) fn draw_line(
    axis: &TimeAxis,
    points: &[(DateTime<Utc>, f64)],
    height_px: u32,
) -> Option<(Ink, Vec<Place>)> {
    let points: Vec<(f64, f64)> =
        points.iter().map(|(at, value)| (seconds(at.timestamp()), drawable(*value))).collect();
    let values = || points.iter().map(|(_, value)| *value);
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    // A line that fills the height to the last pixel looks like an alarm, and a flat one needs some height.
    let room = ((high - low) * 0.12).max(high.abs() * 0.001).max(f64::MIN_POSITIVE);
    let range = (low - room).max(0.0).min(low)..high + room;
    let mut ink = Ink::default();
    let mut places = Vec::new();
    let drawn = draw(&mut ink, axis, range.clone(), height_px, |plot| {
        let color = Pen::Area.color();
        plot.draw_series(AreaSeries::new(points.iter().copied(), range.start, color.filled())).ok()?;
        plot.draw_series(LineSeries::new(points.iter().copied(), Pen::Line.color())).ok()?;
        places.extend(points.iter().map(|point| place(plot.backend_coord(point))));
        Some(())
    });
    drawn.map(|()| (ink, places))
}

/// Draws bars; `None` if there is nothing that could be drawn.
pub(super) fn draw_bars(axis: &TimeAxis, bars: &[BarValue], height_px: u32) -> Option<(Ink, Vec<Place>)> {
    let high = bars.iter().map(|bar| drawable(bar.whole)).reduce(f64::max)?;
    let high = if high > 0.0 { high * 1.08 } else { 1.0 };
    let step = seconds(axis.step_seconds());
    let mut ink = Ink::default();
    let mut places = Vec::new();
    let drawn = draw(&mut ink, axis, 0.0..high, height_px, |plot| {
        for bar in bars {
            let start = seconds(bar.start.timestamp());
            let (left, right) = (start + step * BAR_GAP, start + step * (1.0 - BAR_GAP));
            for (value, pen) in [(drawable(bar.whole), Pen::Whole), (drawable(bar.part), Pen::Part)] {
                let corners = [(left, value), (right, 0.0)];
                plot.draw_series([Rectangle::new(corners, pen.color().filled())]).ok()?;
            }
            places.push(place(plot.backend_coord(&(start + step / 2.0, drawable(bar.whole)))));
        }
        Some(())
    });
    drawn.map(|()| (ink, places))
}

/// Draws the grid with its labels, then the series.
fn draw<'a>(
    ink: &'a mut Ink,
    axis: &TimeAxis,
    values: Range<f64>,
    height_px: u32,
    series: impl FnOnce(&mut Plot<'a>) -> Option<()>,
) -> Option<()> {
    let (first, end) = axis.ends();
    let (first, end) = (seconds(first), seconds(end));
    let root: DrawingArea<Surface<'a>, Shift> = Surface::new(ink, height_px).into_drawing_area();
    let mut plot = ChartBuilder::on(&root)
        .margin_top(TOP_PX * PIXEL)
        .margin_bottom(BOTTOM_PX * PIXEL)
        .build_cartesian_2d(first..end, values.clone())
        .ok()?;
    let levels = RangedCoordf64::from(values.clone()).key_points(GRID_LINES_MAX);
    let grid =
        levels.iter().map(|level| PathElement::new([(first, *level), (end, *level)], Pen::Grid.color()));
    plot.draw_series(grid).ok()?;
    series(&mut plot)?;
    for level in levels {
        let (x, y) = plot.backend_coord(&(first, level));
        let text = format::short(Decimal::from_f64(level).unwrap_or_default().round_dp(8));
        label(&root, &text, (x, y + pixels(LABEL_FOOT_PX)), HPos::Right)?;
    }
    for (at, text) in axis.labels() {
        let (x, y) = plot.backend_coord(&(seconds(at), values.start));
        label(&root, &text, (x, y + pixels(LABEL_DROP_PX)), HPos::Center)?;
    }
    Some(())
}

fn label(root: &DrawingArea<Surface<'_>, Shift>, text: &str, at: (i32, i32), anchor: HPos) -> Option<()> {
    let color = Pen::Text.color();
    let style = TextStyle::from(("sans-serif", 12).into_font()).color(&color);
    root.draw_text(text, &style.pos(Pos::new(anchor, VPos::Bottom)), at).ok()
}

fn pixels(count: u32) -> i32 {
    (count * PIXEL).cast_signed()
}

fn place((x, y): (i32, i32)) -> Place {
    Place { x, y: y / PIXEL.cast_signed() }
}

/// A time as a coordinate.
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
fn seconds(at: i64) -> f64 {
    at as f64
}

/// What cannot be drawn is drawn as nothing.
fn drawable(value: f64) -> f64 {
    const GREATEST: f64 = 1e18;
    if value.is_finite() { value.clamp(0.0, GREATEST) } else { 0.0 }
}

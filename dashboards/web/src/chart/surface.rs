//! A drawing surface for `plotters` that writes fluid SVG.

use std::{collections::BTreeMap, convert::Infallible, fmt::Write};

use maud::{Markup, Render, html};
use plotters::style::RGBColor;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    text_anchor::HPos,
};

use super::Place;

/// Units in the width of the surface, whatever its width on the screen.
pub(super) const WIDTH: u32 = 10_000;
/// Units in one pixel of height.
pub(super) const PIXEL: u32 = 10;

/// Between the plot and the labels on its left.
const LABEL_GAP_PX: i32 = 9;

/// What is drawn, from the back to the front. The stylesheet knows the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pen {
    Grid,
    Area,
    Whole,
    Part,
    Line,
    Text,
}

impl Pen {
    const EVERY: [Self; 6] = [Self::Grid, Self::Area, Self::Whole, Self::Part, Self::Line, Self::Text];

    /// The colour that stands for it on the way through `plotters`.
    pub(super) fn color(self) -> RGBColor {
        RGBColor(0, 0, self as u8)
    }

    fn of(color: BackendColor) -> Self {
        Self::EVERY.get(usize::from(color.rgb.2)).copied().unwrap_or(Self::Text)
    }

    fn class(self) -> &'static str {
        match self {
            Self::Grid => "pen-grid",
            Self::Area => "pen-area",
            Self::Whole => "pen-whole",
            Self::Part => "pen-part",
            Self::Line => "pen-line",
            Self::Text => "pen-text",
        }
    }
}

/// A text and where it is anchored.
#[derive(Debug)]
struct Label {
    text: String,
    place: Place,
    anchor: &'static str,
    /// Pixels from the anchor, where the text stands beside the surface.
    gap_px: Option<i32>,
}

/// What has been drawn: one path a pen, and the texts.
#[derive(Debug, Default)]
pub(crate) struct Ink {
    height: u32,
    paths: BTreeMap<Pen, String>,
    labels: Vec<Label>,
}

impl Render for Ink {
    fn render(&self) -> Markup {
        html! {
            svg viewBox={ "0 0 " (WIDTH) " " (self.height) } preserveAspectRatio="none" width="100%" height="100%" {
                @for (pen, path) in &self.paths { path class=(pen.class()) d=(path) {} }
            }
            @for label in &self.labels {
                text x={ (label.place.x / 100) "." (format!("{:02}", label.place.x % 100)) "%" }
                    y=(label.place.y) dx=[label.gap_px] text-anchor=(label.anchor) { (label.text) }
            }
        }
    }
}

/// Lends the ink to `plotters`, which wants to own what it draws on.
#[derive(Debug)]
pub(super) struct Surface<'a> {
    ink: &'a mut Ink,
}

impl<'a> Surface<'a> {
    pub(super) fn new(ink: &'a mut Ink, height_px: u32) -> Self {
        ink.height = height_px * PIXEL;
        Self { ink }
    }

    fn path(&mut self, pen: Pen) -> &mut String {
        self.ink.paths.entry(pen).or_default()
    }

    fn trace(&mut self, pen: Pen, points: impl IntoIterator<Item = BackendCoord>, end: &str) {
        let path = self.path(pen);
        for (number, (x, y)) in points.into_iter().enumerate() {
            let command = if number == 0 { "M" } else { "L" };
            append(path, format_args!("{command}{x} {y}"));
        }
        path.push_str(end);
    }
}

/// Writing to a string cannot fail.
fn append(path: &mut String, part: std::fmt::Arguments<'_>) {
    if path.write_fmt(part).is_err() {
        tracing::debug!("a part of a chart is missing");
    }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Surface<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (WIDTH, self.ink.height)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        append(self.path(Pen::of(color)), format_args!("M{x} {y}h1"));
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        _fill: bool,
    ) -> Drawn {
        let (width, height) = (right - left, bottom - top);
        append(self.path(Pen::of(style.color())), format_args!("M{left} {top}h{width}v{height}h-{width}z"));
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        // `plotters` outlines areas in a transparent colour.
        if style.color().alpha > 0.0 {
            self.trace(Pen::of(style.color()), path, "");
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        points: I,
        style: &S,
    ) -> Drawn {
        self.trace(Pen::of(style.color()), points, "z");
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        let (anchor, gap_px) = match style.anchor().h_pos {
            HPos::Left => ("start", None),
            HPos::Center => ("middle", None),
            HPos::Right => ("end", Some(-LABEL_GAP_PX)),
        };
        let place = Place { x, y: y / PIXEL.cast_signed() };
        self.ink.labels.push(Label { text: text.to_owned(), place, anchor, gap_px });
        Ok(())
    }
}

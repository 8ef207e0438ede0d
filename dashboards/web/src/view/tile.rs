//! A figure with its name and a note.

use maud::{Markup, Render, html};

pub(super) struct Tile<'a> {
    pub(super) name: &'a str,
    /// `None` as long as it is not known.
    pub(super) value: Option<String>,
    pub(super) unit: &'a str,
    pub(super) note: String,
    /// The note as long as the value is not known.
    pub(super) absent: &'a str,
}

impl Render for Tile<'_> {
    fn render(&self) -> Markup {
        html! {
            div.tile {
                dt { (self.name) }
                @if let Some(value) = &self.value {
                    dd.value title=(value) {
                        (value)
                        @if !self.unit.is_empty() { " " small { (self.unit) } }
                    }
                    dd.more { (self.note) }
                } @else {
                    dd.value.faint { "\u{2014}" }
                    dd.more { (self.absent) }
                }
            }
        }
    }
}

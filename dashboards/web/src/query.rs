//! What a reader asks to see: the query of the page, and of its event stream.

use std::fmt;

use chrono::{NaiveDate, TimeDelta};
use serde::Deserialize;

/// The stretch of time shown, counted back from the newest document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Span {
    Hours6,
    Hours24,
    #[default]
    Hours48,
    Days7,
    Days30,
    All,
}

impl Span {
    pub(crate) const EVERY: [Self; 6] =
        [Self::Hours6, Self::Hours24, Self::Hours48, Self::Days7, Self::Days30, Self::All];

    /// The name in a query.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Hours6 => "6h",
            Self::Hours24 => "24h",
            Self::Hours48 => "48h",
            Self::Days7 => "7d",
            Self::Days30 => "30d",
            Self::All => "all",
        }
    }

    /// The name on a button.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Hours6 => "6 h",
            Self::Hours24 => "24 h",
            Self::Hours48 => "48 h",
            Self::Days7 => "7 d",
            Self::Days30 => "30 d",
            Self::All => "All",
        }
    }

    /// The name in a sentence, after "over".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Hours6 => "6 hours",
            Self::Hours24 => "24 hours",
            Self::Hours48 => "48 hours",
            Self::Days7 => "7 days",
            Self::Days30 => "30 days",
            Self::All => "all time",
        }
    }

    /// How long it is; `None` from the first document on.
    pub(crate) fn length(self) -> Option<TimeDelta> {
        let hours = match self {
            Self::Hours6 => 6,
            Self::Hours24 => 24,
            Self::Hours48 => 48,
            Self::Days7 => 7 * 24,
            Self::Days30 => 30 * 24,
            Self::All => return None,
        };
        Some(TimeDelta::hours(hours))
    }
}

/// The unit in which volumes are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Unit {
    #[default]
    Btc,
    Eur,
}

impl Unit {
    pub(crate) const EVERY: [Self; 2] = [Self::Btc, Self::Eur];

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Btc => "btc",
            Self::Eur => "eur",
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Btc => "BTC",
            Self::Eur => "EUR",
        }
    }
}

/// A day or a month in UTC, by which miners are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Period {
    Day(NaiveDate),
    /// By its first day.
    Month(NaiveDate),
}

impl Period {
    /// Understands `2024-10-19` and `2024-10`, written as they are here and not otherwise, so that a view's query leads to it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let date = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let period = match text.len() {
            10 => date(text).map(Self::Day),
            7 => date(&format!("{text}-01")).map(Self::Month),
            _ => None,
        };
        period.filter(|period| period.to_string() == text)
    }

    pub(crate) fn first_day(self) -> NaiveDate {
        match self {
            Self::Day(day) | Self::Month(day) => day,
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{}", day.format("%Y-%m-%d")),
            Self::Month(day) => write!(f, "{}", day.format("%Y-%m")),
        }
    }
}

/// A query as it arrives; other names in it are other handlers' business.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ViewParams {
    range: Option<String>,
    unit: Option<String>,
    day: Option<String>,
    month: Option<String>,
}

/// One way of looking at the market. Equal views are rendered once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct View {
    pub(crate) span: Span,
    pub(crate) unit: Unit,
    /// The newest one if not chosen.
    pub(crate) day: Option<Period>,
    /// The newest one if not chosen.
    pub(crate) month: Option<Period>,
}

/// A value that is not among those allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value:?}, but must be {allowed}")]
pub(crate) struct QueryError {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) allowed: &'static str,
}

impl View {
    pub(crate) fn parse(params: &ViewParams) -> Result<Self, QueryError> {
        Ok(Self {
            span: span(params.range.as_deref())?,
            unit: unit(params.unit.as_deref())?,
            day: day(params.day.as_deref())?,
            month: month(params.month.as_deref())?,
        })
    }

    /// The query that leads to it, with `?`; empty for the view that needs none.
    pub(crate) fn query(self) -> String {
        let mut parts = Vec::new();
        if self.span != Span::default() {
            parts.push(format!("range={}", self.span.key()));
        }
        if self.unit != Unit::default() {
            parts.push(format!("unit={}", self.unit.key()));
        }
        parts.extend(self.day.map(|day| format!("day={day}")));
        parts.extend(self.month.map(|month| format!("month={month}")));
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

pub(crate) fn span(value: Option<&str>) -> Result<Span, QueryError> {
    choose("range", value, Span::EVERY, Span::key, "one of 6h, 24h, 48h, 7d, 30d, all")
}

fn unit(value: Option<&str>) -> Result<Unit, QueryError> {
    choose("unit", value, Unit::EVERY, Unit::key, "btc or eur")
}

/// An absent or empty value is the default.
fn choose<T: Copy + Default, const N: usize>(
    name: &'static str,
    value: Option<&str>,
    every: [T; N],
    key: fn(T) -> &'static str,
    allowed: &'static str,
) -> Result<T, QueryError> {
    match value.filter(|value| !value.is_empty()) {
        None => Ok(T::default()),
        Some(value) => every.into_iter().find(|choice| key(*choice) == value).ok_or_else(|| QueryError {
            name,
            value: value.to_owned(),
            allowed,
        }),
    }
}

fn day(value: Option<&str>) -> Result<Option<Period>, QueryError> {
    period("day", value, "a date such as 2024-10-19", |period| matches!(period, Period::Day(_)))
}

fn month(value: Option<&str>) -> Result<Option<Period>, QueryError> {
    period("month", value, "a month such as 2024-10", |period| matches!(period, Period::Month(_)))
}

fn period(
    name: &'static str,
    value: Option<&str>,
    allowed: &'static str,
    fits: impl Fn(&Period) -> bool,
) -> Result<Option<Period>, QueryError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let period = Period::parse(value).filter(fits);
    period.map(Some).ok_or_else(|| QueryError { name, value: value.to_owned(), allowed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(range: &str, unit: &str, day: &str, month: &str) -> ViewParams {
        let some = |text: &str| Some(text.to_owned());
        ViewParams { range: some(range), unit: some(unit), day: some(day), month: some(month) }
    }

    #[test]
    fn a_view_survives_its_own_query() {
        let view = View::parse(&params("7d", "eur", "2024-10-19", "2024-10")).unwrap();
        assert_eq!(view.query(), "?range=7d&unit=eur&day=2024-10-19&month=2024-10");
        assert_eq!(View::parse(&ViewParams::default()).unwrap().query(), "");
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let cases = [
            (params("9h", "", "", ""), r#"range is "9h", but must be one of 6h, 24h, 48h, 7d, 30d, all"#),
            (params("", "usd", "", ""), r#"unit is "usd", but must be btc or eur"#),
            (
                params("", "", "2024-02-30", ""),
                r#"day is "2024-02-30", but must be a date such as 2024-10-19"#,
            ),
            (params("", "", "", "2024-13"), r#"month is "2024-13", but must be a month such as 2024-10"#),
            (
                params("", "", "-968-10-19", ""),
                r#"day is "-968-10-19", but must be a date such as 2024-10-19"#,
            ),
            (params("", "", "2024-10", ""), r#"day is "2024-10", but must be a date such as 2024-10-19"#),
            (params("", "", "", "é-10-é"), r#"month is "é-10-é", but must be a month such as 2024-10"#),
        ];
        for (params, message) in cases {
            assert_eq!(View::parse(&params).unwrap_err().to_string(), message);
        }
    }
}

//! Files of prices: rows `unix,price[,...]`, in seconds, milliseconds or microseconds.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use btc_records::parse_price;
use serde::Serialize;

use super::files;
use super::lines::{Line, Lines};
use crate::error::ProduceError;
use crate::message::{Event, FeedKind, Topic, price_key};

/// The longest row that is read; the rest of a longer one is skipped.
const ROW_BYTES_MAX: usize = 4_096;

/// From here on a time is in milliseconds: as seconds it would lie beyond the year 5100.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// From here on a time is in microseconds, for the same reason.
const MICROSECONDS_FROM: i64 = MILLISECONDS_FROM * 1_000;

/// From here on a time is none.
const TIMES_BELOW: i64 = MICROSECONDS_FROM * 1_000;

/// What some programs put before the first row.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The rows of one file, as price messages; a bad row as a dead letter with its number.
#[derive(Debug)]
pub(super) struct PricesCsv<R = BufReader<File>> {
    path: PathBuf,
    lines: Lines<R>,
    feed: FeedKind,
    /// The time of the last good row stands in where a bad row has none.
    last_ms: i64,
}

#[derive(Serialize)]
struct Row<'a> {
    time: i64,
    eur: &'a str,
}

impl PricesCsv {
    pub(super) fn open(path: &Path, feed: FeedKind) -> Result<Self, ProduceError> {
        let file = File::open(path).map_err(|source| files::unreadable(path, source))?;
        Ok(Self::over(path, BufReader::new(file), feed))
    }
}

impl<R: BufRead> PricesCsv<R> {
    fn over(path: &Path, content: R, feed: FeedKind) -> Self {
        Self { path: path.to_owned(), lines: Lines::new(content, ROW_BYTES_MAX), feed, last_ms: 0 }
    }

    fn event(&mut self, line: &Line) -> Option<Event> {
        if line.bytes.trim_ascii().is_empty() {
            return None;
        }
        match self.price(line) {
            Ok(event) => {
                self.last_ms = event.message.timestamp_ms;
                Some(event)
            }
            // A first line without a number is the header.
            Err(_)
                if line.number == 1
                    && !line.bytes.trim_ascii_start().starts_with(b"-")
                    && !starts_with_digit(line) =>
            {
                None
            }
            Err(reason) => {
                let reason = format!("{} line {}: {reason}", files::name(&self.path), line.number);
                Some(Event::dead_letter(&reason, "csv", self.feed, self.last_ms, &line.bytes))
            }
        }
    }

    fn price(&self, line: &Line) -> Result<Event, String> {
        if line.is_cut {
            return Err(format!("longer than {ROW_BYTES_MAX} bytes"));
        }
        let text = std::str::from_utf8(&line.bytes).map_err(|error| error.to_string())?;
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let mut fields = text.split(',').map(|field| field.trim().trim_matches('"'));
        let time = fields.next().unwrap_or_default();
        let eur = fields.next().ok_or("no price after the time; write `unix,price`")?;
        let time: i64 = time.parse().map_err(|_| format!("{time:?} is no time in Unix seconds"))?;
        let unix_s = match time {
            TIMES_BELOW.. => return Err(format!("{time} is no time in Unix seconds")),
            MICROSECONDS_FROM.. => time / 1_000_000,
            MILLISECONDS_FROM.. => time / 1_000,
            _ => time,
        };
        let row = serde_json::to_vec(&Row { time: unix_s, eur }).map_err(|error| error.to_string())?;
        let time_ms = unix_s.saturating_mul(1_000);
        parse_price("csv", &row, time_ms).map_err(|error| error.to_string())?;
        Ok(Event::new(Topic::Prices, "csv", self.feed, price_key("csv", unix_s), row, time_ms))
    }
}

/// The messages of a file of that content.
pub(crate) fn read(content: &[u8]) -> Vec<Event> {
    PricesCsv::over(Path::new("fuzz"), content, FeedKind::Blocks).map_while(Result::ok).collect()
}

fn starts_with_digit(line: &Line) -> bool {
    let mark = BYTE_ORDER_MARK.to_string();
    line.bytes
        .strip_prefix(mark.as_bytes())
        .unwrap_or(&line.bytes)
        .trim_ascii_start()
        .first()
        .is_some_and(u8::is_ascii_digit)
}

impl<R: BufRead> Iterator for PricesCsv<R> {
    type Item = Result<Event, ProduceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.lines.next()? {
                Ok(line) => line,
                Err(source) => return Some(Err(files::unreadable(&self.path, source))),
            };
            if let Some(event) = self.event(&line) {
                return Some(Ok(event));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Vec<(Topic, String)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        std::fs::write(&path, content).unwrap();
        let rows = PricesCsv::open(&path, FeedKind::Blocks).unwrap();
        rows.map(|event| {
            let event = event.unwrap();
            (event.topic, String::from_utf8(event.message.value.to_vec()).unwrap())
        })
        .collect()
    }

    #[test]
    fn seconds_milliseconds_headers_and_further_columns() {
        let rows = read("time,open\n1727740800,56874.6,1,2\r\n\n\"1727741700000\",\"56735.0\"\n1727742600,1");
        let prices: Vec<_> = rows.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(
            prices,
            [
                r#"{"time":1727740800,"eur":"56874.6"}"#,
                r#"{"time":1727741700,"eur":"56735.0"}"#,
                r#"{"time":1727742600,"eur":"1"}"#
            ]
        );
    }

    #[test]
    fn a_bad_row_is_a_dead_letter_with_its_number() {
        let long = "9".repeat(ROW_BYTES_MAX + 5);
        let rows = read(&format!(
            "1727740800,1\n1727740860\nx,2\n1727740900,-3\n0,1667946780000,18493\n{long}\n1727741700,4\n"
        ));
        let letters: Vec<_> = rows.iter().filter(|(topic, _)| *topic == Topic::DeadLetters).collect();
        assert_eq!((rows.len(), letters.len()), (7, 5));
        for (number, (_, value)) in (2..).zip(letters) {
            assert!(value.contains(&format!("p.csv line {number}: ")), "{value}");
        }
    }
}

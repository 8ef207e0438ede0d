//! What the dashboard shows, from top to bottom.
//!
//! An hour has one document, so a chart's average is that hour's figure; where Kibana widens the buckets of a long time range it
//! is still a figure an hour, which a sum would not be.

use serde_json::Value;

use crate::aggregation::{Role, Width, count, each, metric, newest, over_time, top};
use crate::chart::{Series, bars, lines, ranking, stacked_bars};
use crate::grid::Place;
use crate::object::{Look, Names, Source, visualization};
use crate::pattern;
use crate::rate::{Line, per_minute};
use crate::table::{figure, table, text};

const BLUE: &str = "#6092C0";
const GREEN: &str = "#54B399";
const ORANGE: &str = "#DA8B45";
const PURPLE: &str = "#9170B8";
const RED: &str = "#E7664C";

/// How many miners are shown.
const MINERS: u32 = 10;
/// How many hours of largest transactions are listed.
const HOURS: u32 = 48;

/// Day documents have periods like `2024-10-19`, and some periods of a miner end with no block at all.
const DAYS: &str = "blocks:>0 AND period:/[0-9]{4}-[0-9]{2}-[0-9]{2}/";
/// Month documents have periods like `2024-10`.
const MONTHS: &str = "blocks:>0 AND period:/[0-9]{4}-[0-9]{2}/";

const HEADER: &str = "\
### Bitcoin, in EUR and as it happens
- **Price**: what one BTC cost by all price sources: average, lowest and highest.
- **Volume**: all outputs of all transactions of a UTC hour, coinbases excepted; in EUR each minute counts at its own price.
- **Largest transaction**: by the sum of its outputs.
- **Miners**: blocks of the best chain; a reward is subsidy and fees, in EUR at the price of the block's minute. Shown are the \
newest UTC day and month there are, whatever time range is chosen.
- **Dead letters**: records that could not be understood or stored, with the reason. None is lost.
- **Freshness**: the newest document of each index. Volume is dated at the start of its hour and miners at the start of their day or \
month, so these look older than they are.";

/// Every visualization and its place.
pub(crate) fn placed(names: Names<'_>) -> Vec<(Value, Place)> {
    let mut board = Board { names, placed: Vec::new() };
    board.add([0, 0, 32, 12], ("btc-header", "About this dashboard", ""), &text(HEADER), None);
    market(&mut board);
    miners(&mut board, 52, DAYS, "day");
    miners(&mut board, 66, MONTHS, "month");
    pipeline(&mut board);
    board.placed
}

struct Board<'a> {
    names: Names<'a>,
    placed: Vec<(Value, Place)>,
}

impl Board<'_> {
    /// Adds a visualization (its id, title and description) at the place `[x, y, w, h]`.
    fn add(
        &mut self,
        [x, y, w, h]: [u32; 4],
        about: (&str, &str, &str),
        look: &Look,
        source: Option<Source>,
    ) {
        self.placed.push((visualization(self.names, about, look, source), Place { x, y, w, h }));
    }
}

fn market(board: &mut Board<'_>) {
    let value = Some(Source::all_of(pattern::VALUE));
    let about = ("btc-price-latest", "Latest price", "The newest observation in the time range");
    board.add([32, 0, 16, 6], about, &figure(newest("1", "eur", "EUR per BTC")), value);

    let price = lines(
        "EUR per BTC",
        &[
            Series::new("1", "Average", Some(BLUE)).wide(3),
            Series::new("2", "Lowest", Some(GREEN)).wide(1),
            Series::new("3", "Highest", Some(RED)).wide(1),
        ],
        vec![
            metric("1", "avg", "eur", "Average"),
            metric("2", "min", "eur", "Lowest"),
            metric("3", "max", "eur", "Highest"),
            over_time("4", Width::Auto, "Time"),
        ],
    );
    board.add([0, 12, 48, 14], ("btc-price", "Price of one BTC", "Over all sources"), &price, value);

    let volume = Some(Source::all_of(pattern::VOLUME));
    for (x, id, title, field, unit, color) in [
        (0, "btc-volume-btc", "Volume per hour in BTC", "volume_btc", "BTC", ORANGE),
        (24, "btc-volume-eur", "Volume per hour in EUR", "volume_eur", "EUR", BLUE),
    ] {
        let aggs = vec![metric("1", "avg", field, unit), over_time("2", Width::Hour, "Hour")];
        let look = bars(&format!("{unit} per hour"), &[Series::new("1", unit, Some(color))], aggs);
        board.add([x, 26, 24, 12], (id, title, "All outputs, coinbases excepted"), &look, volume);
    }

    let aggs = vec![metric("1", "max", "max_tx_btc", "BTC"), over_time("2", Width::Hour, "Hour")];
    let look = bars("BTC in one transaction", &[Series::new("1", "BTC", Some(PURPLE))], aggs);
    board.add([0, 38, 24, 14], ("btc-largest", "Largest transaction per hour in BTC", ""), &look, volume);

    let look = table(
        10,
        vec![
            metric("1", "max", "max_tx_btc", "BTC"),
            metric("2", "max", "max_tx_eur", "EUR"),
            top("3", Role::Row, "@timestamp", "_key", HOURS, "Hour"),
            top("4", Role::Row, "max_tx_hash", "1", 1, "Transaction"),
        ],
    );
    let about = ("btc-largest-table", "Largest transaction per hour, newest first", "With its hash");
    board.add([24, 38, 24, 14], about, &look, volume);
}

fn miners(board: &mut Board<'_>, y: u32, query: &'static str, span: &str) {
    let source = Some(Source { pattern: pattern::MINER, query });
    let period = if span == "day" { "Day (UTC)" } else { "Month (UTC)" };
    for (x, unit, field, name) in [(0, "BTC", "reward_btc", "btc"), (12, "EUR", "reward_eur", "eur")] {
        let aggs = vec![
            metric("1", "sum", field, unit),
            top("2", Role::Group, "period", "_key", 1, period),
            top("3", Role::Segment, "miner", "1", MINERS, "Miner"),
        ];
        let look = ranking(&format!("Reward in {unit}"), Series::new("1", unit, None), aggs);
        let (id, title) =
            (format!("btc-miners-{span}-{name}"), format!("Top miners of the {span} in {unit}"));
        board.add([x, y, 12, 14], (&id, &title, "Subsidies and fees"), &look, source);
    }
    let look = table(
        10,
        vec![
            metric("1", "sum", "blocks", "Blocks"),
            metric("2", "sum", "reward_btc", "BTC"),
            metric("3", "sum", "reward_eur", "EUR"),
            top("4", Role::Row, "period", "_key", 1, period),
            top("5", Role::Row, "miner", "2", MINERS, "Miner"),
        ],
    );
    let (id, title) =
        (format!("btc-miners-{span}-table"), format!("Top miners of the {span} in BTC and EUR"));
    board.add([24, y, 24, 14], (&id, &title, "Blocks and rewards"), &look, source);
}

fn pipeline(board: &mut Board<'_>) {
    let rate = per_minute(
        board.names,
        "btc-raw-*",
        &[
            Line { index: "btc-raw-transactions", label: "Transactions", color: PURPLE },
            Line { index: "btc-raw-blocks", label: "Blocks", color: ORANGE },
            Line { index: "btc-raw-bpi", label: "Prices", color: BLUE },
        ],
    );
    let about = ("btc-ingestion", "Ingestion rate (messages per minute)", "By the time of their receipt");
    board.add([0, 80, 20, 13], about, &rate, None);
    for (x, id, title, pattern) in [
        (20, "btc-freshness", "Freshness: newest document", pattern::NEWEST),
        (34, "btc-freshness-age", "Freshness: age of the newest document", pattern::AGE),
    ] {
        let aggs = vec![
            metric("1", "max", "@timestamp", "Newest"),
            count("2", "Documents"),
            each("3", Role::Row, "_index", 20, "Index"),
        ];
        board.add(
            [x, 80, 14, 13],
            (id, title, "Of each index, in all time"),
            &table(10, aggs),
            Some(Source::all_of(pattern)),
        );
    }

    let dead = Some(Source::all_of(pattern::DEAD_LETTER));
    board.add(
        [32, 6, 16, 6],
        ("btc-dead-count", "Dead letters", "In the time range"),
        &figure(count("1", "Dead letters")),
        dead,
    );
    let aggs = vec![
        count("1", "Dead letters"),
        over_time("2", Width::Auto, "Time"),
        top("3", Role::Group, "source", "1", 5, "Source"),
    ];
    let look = stacked_bars("Dead letters", &[Series::new("1", "Dead letters", None)], aggs);
    board.add([0, 93, 20, 13], ("btc-dead-letters", "Dead letters by source", ""), &look, dead);
    let look = table(
        10,
        vec![
            count("1", "Dead letters"),
            metric("2", "max", "@timestamp", "Newest"),
            top("3", Role::Row, "reason", "1", 50, "Reason"),
            top("4", Role::Row, "source", "1", 5, "Source"),
        ],
    );
    board.add([20, 93, 28, 13], ("btc-dead-reasons", "Dead letters by reason", ""), &look, dead);
}

//! A market that looks like the real one, the same whenever it is asked for.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "generated numbers need to look real, not to be exact"
)]

use chrono::{DateTime, Datelike, DurationRound, TimeDelta, Timelike, Utc};
use serde_json::json;

use super::Documents;

/// A number that looks random, from 0 to 1, the same for the same seed.
fn noise(seed: i64) -> f64 {
    let mut bits = seed.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (bits >> 40) as f64 / f64::from(1_u32 << 24)
}

/// A price that wanders the way prices do: slow waves with noise upon them.
fn price(at: DateTime<Utc>) -> f64 {
    let minute = at.timestamp() / 60;
    let wave = |minutes: f64, height: f64| (minute as f64 / minutes).sin() * height;
    let rough: f64 = (0..6)
        .map(|octave| {
            let step = 7_i64 << octave;
            let (knot, part) = (minute / step, (minute % step) as f64 / step as f64);
            (noise(knot * 31 + octave) * (1.0 - part) + noise((knot + 1) * 31 + octave) * part - 0.5)
                * step as f64
                * 1.6
        })
        .sum();
    61_800.0 + wave(2_900.0, 1_400.0) + wave(610.0, 520.0) + wave(173.0, 120.0) + rough
}

pub(crate) fn put_price(index: &Documents, at: DateTime<Utc>) {
    let exact = format!("{:.2}", price(at));
    let time = at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let eur: f64 = exact.parse().expect("a number");
    index.put(
        "btc-value",
        &format!("{time}:sample:{exact}"),
        &json!({"@timestamp": time, "eur": eur, "eur_exact": exact, "source": "sample"}),
    );
}

fn put_hour(index: &Documents, hour: DateTime<Utc>, done: f64) {
    let seed = hour.timestamp() / 3_600;
    let day = 0.75 + 0.35 * ((f64::from(hour.hour()) - 4.0) / 24.0 * std::f64::consts::TAU).sin();
    let volume = (42_000.0 * day * (0.7 + 0.6 * noise(seed)) * done).max(1.0);
    let adjusted = volume * (0.38 + 0.2 * noise(seed + 1));
    let largest = volume * (0.03 + 0.22 * noise(seed + 2).powi(3));
    let sat = |btc: f64| (btc * 1e8) as u64;
    let eur = |btc: f64| format!("{:.4}", btc * price(hour));
    let time = hour.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let word = |part: i64| format!("{:08x}", (noise(seed * 8 + part) * f64::from(u32::MAX)) as u32);
    let hash = (0..8).map(word).collect::<Vec<String>>().concat();
    let priced_share = if noise(seed + 5) > 0.94 { 0.72 } else { 1.0 };
    index.put("btc-volume", &time, &json!({
        "@timestamp": time, "volume_sat": sat(volume), "volume_btc": volume, "volume_eur": 0.0,
        "volume_eur_exact": eur(volume), "adjusted_volume_sat": sat(adjusted), "max_tx_sat": sat(largest),
        "max_tx_btc": largest, "max_tx_eur": 0.0, "max_tx_eur_exact": eur(largest), "max_tx_hash": hash,
        "tx_count": (21_000.0 * day * done * (0.9 + 0.2 * noise(seed + 3))) as u64, "priced_share": priced_share,
    }));
}

const POOLS: [(&str, f64); 14] = [
    ("Foundry USA", 0.29),
    ("AntPool", 0.2),
    ("ViaBTC", 0.125),
    ("F2Pool", 0.1),
    ("MARA Pool", 0.055),
    ("SpiderPool", 0.05),
    ("Binance Pool", 0.045),
    ("Luxor", 0.035),
    ("SBI Crypto", 0.025),
    ("Braiins Pool", 0.02),
    ("unknown", 0.018),
    ("Ocean.xyz", 0.012),
    ("SECPOOL", 0.01),
    ("Innopolis Tech", 0.008),
];

fn put_miners(index: &Documents, period: &str, first: DateTime<Utc>, blocks: f64) {
    let kind = if period.len() == 10 { "day" } else { "month" };
    for (pool, share) in POOLS {
        let jitter = 0.75 + 0.5 * noise(first.timestamp() / 86_400 + i64::from(pool.as_bytes()[1]) * 7);
        let won = (blocks * share * jitter).round() as u64;
        if won == 0 {
            continue;
        }
        let reward = won * 312_500_000 + (noise(first.timestamp() + won.cast_signed()) * 12e6) as u64 * won;
        let eur = format!("{:.6}", reward as f64 / 1e8 * price(first));
        let slug: String = pool.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        index.put("btc-miner", &format!("{kind}:{period}:{slug}"), &json!({
            "@timestamp": first.format("%Y-%m-%dT00:00:00Z").to_string(), "period": period, "miner": pool, "blocks": won,
            "reward_sat": reward, "reward_btc": 0.0, "reward_eur": 0.0, "reward_eur_exact": eur, "priced_share": 1.0,
        }));
    }
}

/// Puts the documents of so many hours that end at `now`.
pub(crate) fn fill(index: &Documents, now: DateTime<Utc>, hours: i64) {
    let last = now.duration_trunc(TimeDelta::minutes(1)).expect("a time of today");
    (0..hours * 60).for_each(|minute| put_price(index, last - TimeDelta::minutes(minute)));
    let hour = now.duration_trunc(TimeDelta::hours(1)).expect("a time of today");
    put_hour(index, hour, f64::from(now.minute()) / 60.0);
    (1..hours).for_each(|back| put_hour(index, hour - TimeDelta::hours(back), 1.0));
    let today = now.duration_trunc(TimeDelta::days(1)).expect("a time of today");
    for back in 0..hours / 24 {
        let day = today - TimeDelta::days(back);
        let blocks = if back == 0 { f64::from(now.hour()) * 6.0 + 3.0 } else { 144.0 };
        put_miners(index, &day.format("%Y-%m-%d").to_string(), day, blocks);
        if day.day() == 1 || back == hours / 24 - 1 {
            let first = day.with_day(1).expect("every month has a first");
            put_miners(index, &day.format("%Y-%m").to_string(), first, 144.0 * 28.0);
        }
    }
}

/// One more price, and the current hour as far as it has come.
pub(crate) fn tick(index: &Documents, now: DateTime<Utc>) {
    put_price(index, now);
    let hour = now.duration_trunc(TimeDelta::hours(1)).expect("a time of today");
    put_hour(index, hour, f64::from(now.minute() * 60 + now.second()) / 3_600.0);
}

//! What the page shows of documents and states that others have written, and for whom.

use std::net::IpAddr;

use btc_dashboard_web::fuzzing as page;

use crate::{choose, chosen, texts};

/// The market page of any documents can be drawn, for the whole of their time and for its last day, and has no script in it.
pub(crate) fn check_documents(data: &[u8]) -> bool {
    let Some((span, text)) = choose(data, 2) else { return false };
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let lines: Vec<&str> = text.lines().take(60).collect();
    let html = page::market(&lines, span == 0).expect("an index that always answers");
    assert!(!html.contains("<script"), "a document's text is markup");
    html.contains("<svg")
}

pub(crate) fn document_seeds() -> Vec<Vec<u8>> {
    let value = |minute: u32, eur: &str| {
        format!(r#"{{"@timestamp":"2024-10-19T14:{minute:02}:00Z","eur_exact":"{eur}","source":"kraken"}}"#)
    };
    let volume = |hour: u32, sat: u64| {
        format!(
            r#"{{"@timestamp":"2024-10-19T{hour:02}:00:00Z","volume_sat":{sat},"volume_eur_exact":"0.0123","adjusted_volume_sat":7,"max_tx_sat":5,"max_tx_eur_exact":null,"max_tx_hash":"ab","tx_count":3,"priced_share":0.5}}"#
        )
    };
    let miner = |name: &str, sat: u64| {
        format!(
            r#"{{"period":"2024-10-19","miner":"{name}","blocks":2,"reward_sat":{sat},"reward_eur_exact":"1.50","priced_share":1.0}}"#
        )
    };
    let few = [value(0, "56874.6"), volume(13, 21), miner("<script>", 7)];
    let more = [value(30, "56875.1"), volume(14, u64::MAX), miner("Silent", 9)];
    let month = miner("First", 9).replace("2024-10-19", "2024-10");
    // More miners than are listed, with sums beyond every limit.
    let rich = (0..14).flat_map(|_| {
        let most = miner("Rich", u64::MAX).replace("1.50", "79228162514264337593543950335");
        [value(0, "1"), volume(13, u64::MAX), most]
    });
    vec![
        chosen(0, few.join("\n")),
        chosen(1, [few.clone(), more.clone()].concat().join("\n")),
        chosen(
            0,
            [few.to_vec(), more.to_vec(), vec![value(31, "1"), volume(15, 0), month]].concat().join("\n"),
        ),
        chosen(0, rich.collect::<Vec<_>>().join("\n")),
    ]
}

/// A state of whatever kind can be shown, and its metrics stay lines of metrics.
pub(crate) fn check_status(data: &[u8]) -> bool {
    let Some((html, metrics)) = page::status(data) else { return false };
    assert!(!html.contains("<script"), "a state's text is markup");
    assert!(metrics.ends_with('\n'));
    true
}

pub(crate) fn status_seeds() -> Vec<Vec<u8>> {
    let most = u64::MAX;
    let component = |name: &str, kind: &str, count: u64| {
        format!(
            r#"{{"name":"{name}","kind":"{kind}","tasks":2,"emitted":{count},"acked":{count},"failed":1,"given_up":0,"pending":3,"executed":4,"execute_us_p50":1.5,"complete_us_p99":2.0,"queue_len":1,"restarts":1,"last_error":"no"}}"#
        )
    };
    let topology = |count: u64| {
        let [spout, bolt] = [component("a", "spout", count), component("b", "bolt", count)];
        format!(
            r#"{{"topology":"t","uptime_ms":9,"components":[{spout},{bolt}],"edges":[{{"from":"a","stream":"main","to":"b","grouping":"shuffle","emitted":{count},"acked":1,"failed":1,"pending":-2}}],"failures":[{{"component":"b","edge":"a -> b","task":1,"spout":"a","attempt":1,"kind":"retry","queued_us":1.0,"executed_us":2.0,"reason":"<script>"}}]}}"#
        )
    };
    let lag = |offset: u64| {
        format!(r#"{{"committed":{{"topic":"p","partition":1,"offset":7}},"end_offset":{offset}}}"#)
    };
    let counters = r#"[{"name":"a_total","help":"what","labels":[["reason","b\"\n"]],"value":3}]"#;
    let producer = r#"{"log_retries":1200,"last_time_ms":5,"sources":{"kraken":{"state":"live","healthy":true,"messages":7,"last_message_ms":1730332800000}}}"#;
    let status = |count: u64| {
        let (topology, lag) = (topology(count), lag(count));
        format!(
            r#"{{"ready":true,"why":"late","topology":{topology},"lag":[{lag},{lag}],"counters":{counters},"producer":{producer},"history_done":false,"history_count":5,"history_share":0.5}}"#
        )
        .into_bytes()
    };
    vec![status(9), status(most)]
}

/// Only addresses, `localhost` and what is allowed are answered, however the port is written.
pub(crate) fn check_host(data: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(data) else { return false };
    if !page::host(host, &["dash.example".to_owned()]) {
        return false;
    }
    let name =
        host.rsplit_once(':').map_or(host, |(name, port)| if port.contains(']') { host } else { name });
    let is_name = |name: &str| ["localhost", "dash.example"].iter().any(|own| name.eq_ignore_ascii_case(own));
    let is_address = |name: &str| name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    assert!([name, host].into_iter().any(|name| is_name(name) || is_address(name)), "{host:?} is answered");
    true
}

pub(crate) fn host_seeds() -> Vec<Vec<u8>> {
    texts(&["localhost:8080", "127.0.0.1", "[::1]:8080", "DASH.example:1"])
}

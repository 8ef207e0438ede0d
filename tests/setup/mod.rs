//! `setup` brings servers to what they should be, once; says what is not as it should be; and lets one target's trouble
//! be no other's.

mod fake_kibana;
mod panels;
mod servers;

use std::process::Output;

use crate::support::Bench;
use fake_kibana::FakeKibana;

/// A port that nobody listens on.
const NOWHERE: &str = "127.0.0.1:9";

fn said(output: &Output) -> (bool, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

fn setup(bench: &Bench, kibana: &str, arguments: &[&str]) -> (bool, String, String) {
    let mut command = bench.command(["setup"].iter().chain(arguments));
    command.env("BITCOIN_DASHBOARD__KIBANA__URL", kibana);
    command.env("BITCOIN_DASHBOARD__ELASTICSEARCH__INDEX_PREFIX", "test-");
    command.env("BITCOIN_DASHBOARD__ELASTICSEARCH__URLS", format!("http://{NOWHERE}"));
    command.env("BITCOIN_DASHBOARD__KAFKA__BOOTSTRAP_SERVERS", NOWHERE);
    command.env("BITCOIN_DASHBOARD__KAFKA__OPEN_TIMEOUT_MS", "1000");
    said(&command.output().unwrap())
}

#[test]
fn the_dashboard_is_imported_once_and_again_where_it_differs() {
    let (bench, kibana) = (Bench::new(), FakeKibana::start());
    let (ok, out, _) = setup(&bench, &kibana.url, &["--kibana", "--check"]);
    assert!(!ok && out.contains("differs: dashboard `test-bitcoin-dashboard` is absent; run"), "{out}");
    assert_eq!(kibana.count(), 0, "--check changes nothing");

    let (ok, out, err) = setup(&bench, &kibana.url, &["--kibana"]);
    assert!(
        ok && out.starts_with("kibana: changed: imported dashboard `test-bitcoin-dashboard`"),
        "{out}{err}"
    );
    assert!(kibana.count() > 20);
    for arguments in [&["--kibana"][..], &["--kibana", "--check"]] {
        let (ok, out, err) = setup(&bench, &kibana.url, arguments);
        assert!(ok && out.starts_with("kibana: unchanged: "), "{out}{err}");
    }

    kibana.edit("test-btc-price");
    kibana.remove("test-btc-volume-eur");
    let (ok, out, err) = setup(&bench, &kibana.url, &["--kibana", "--check"]);
    assert!(!ok && err.contains("differs in 2 places"), "{err}");
    assert!(out.contains("visualization `test-btc-price` was edited at"), "{out}");
    assert!(out.contains("visualization `test-btc-volume-eur` is absent"), "{out}");
    assert!(setup(&bench, &kibana.url, &["--kibana"]).0);
    assert!(setup(&bench, &kibana.url, &["--kibana", "--check"]).0, "it was mended");
}

#[test]
fn absent_servers_are_told_each_and_the_others_are_set_up() {
    let (bench, kibana) = (Bench::new(), FakeKibana::start());
    let (ok, out, err) = setup(&bench, &kibana.url, &[]);
    assert!(!ok, "{out}");
    assert!(out.contains("kibana: changed: imported"), "{out}{err}");
    for target in ["kafka", "elasticsearch"] {
        assert!(err.contains(&format!("error: {target}: ")), "{err}");
    }
    assert!(err.contains("kafka, elasticsearch not set up"), "{err}");
    let (ok, _, err) = setup(&bench, &format!("http://{NOWHERE}"), &["--kibana", "--check"]);
    assert!(!ok && err.contains("does not answer") && err.contains("mend kibana.url"), "{err}");
}

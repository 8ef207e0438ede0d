//! Goal: the command line is a contract, and every mistake is answered with what is allowed.

use crate::support::{Bench, SHORT_SAMPLE, expect_success};

#[track_caller]
fn expect_refusal(bench: &Bench, arguments: &[&str], environment: &[(&str, &str)], words: &[&str]) {
    let output = bench.command(arguments).envs(environment.iter().copied()).output().unwrap();
    assert!(!output.status.success(), "{arguments:?} was accepted");
    let said = String::from_utf8(output.stderr).unwrap();
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in the answer to {arguments:?}:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn mistakes_are_answered_with_what_is_allowed() {
    let bench = Bench::new();
    std::fs::write(bench.path("bad.toml"), "[producers]\nno_such_key = 1\n").unwrap();
    std::fs::write(bench.path("other.db"), "this is no store").unwrap();
    for (arguments, words) in [
        (&["up", "--feed", "tape"][..], &["tape", "sample", "live", "recording", "blocks"][..]),
        (&["replay", "--feed", "blocks"], &["blocks", "PATH"]),
        (&["replay", "--feed", "blocks", "nowhere.raw"], &["nowhere.raw"]),
        (&["replay", "--feed", "live"], &["live", "up"]),
        (&["up", "--feed", "sample", "tape.raw"], &["tape.raw", "takes no path"]),
        (&["replay", "--speed", "0"], &["--speed", "above 0"]),
        (&["replay", "--speed", "-1"], &["--speed", "above 0"]),
        (&["replay", "--prices", "nowhere.csv"], &["nowhere.csv"]),
        (&["replay", "--pools", "nowhere.json"], &["nowhere.json"]),
        (&["up", "--listen", "localhost"], &["--listen"]),
        (&["--store", "x.db", "replay"], &["after the command's name"]),
        (&["export", "--store", "nowhere.db", "--index", "btc-volume"], &["nowhere.db"]),
        (&["export", "--store", "other.db", "--index", "btc-volume"], &["other.db"]),
        (&["export", "--store", "other.db"], &["--index"]),
        (&["check-config", "--config", "nowhere.toml"], &["nowhere.toml"]),
        (&["check-config", "--config", "bad.toml"], &["no_such_key", "producers"]),
        (&["produce", "prices"], &["bpi", "blockchain"]),
    ] {
        expect_refusal(&bench, arguments, &[], words);
    }
}

#[test]
fn configuration_mistakes_name_key_value_and_what_is_allowed() {
    let bench = Bench::new();
    for (variable, value, words) in [
        ("BITCOIN_DASHBOARD__TOPOLOGY__TASKS_COUNT", "0", &["tasks_count", "0"][..]),
        ("BITCOIN_DASHBOARD__TOPOLOGY__TASKS_COUNT", "many", &["tasks_count", "many"]),
        ("BITCOIN_DASHBOARD__PAGE__LISTEN", "8080", &["page.listen", "8080", "127.0.0.1:8080"]),
        ("BITCOIN_DASHBOARD__NO_SUCH__KEY", "1", &["no_such", "topology"]),
    ] {
        expect_refusal(&bench, &["check-config"], &[(variable, value)], words);
    }
}

#[test]
fn the_configuration_in_force_is_a_configuration_file() {
    let bench = Bench::new();
    let output = bench.run(["check-config"]);
    expect_success(&output);
    let file = bench.path("in-force.toml");
    std::fs::write(&file, &output.stdout).unwrap();
    let again = bench.run(["check-config", "--config", file.to_str().unwrap()]);
    expect_success(&again);
    assert_eq!(output.stdout, again.stdout);
    let before = bench.run(["--config", file.to_str().unwrap(), "check-config"]);
    assert_eq!(output.stdout, before.stdout, "the option may stand before the command");
}

#[test]
fn a_list_can_come_from_the_environment() {
    let bench = Bench::new();
    let mut command = bench.command(["check-config"]);
    command.env("BITCOIN_DASHBOARD__PAGE__HOSTS_ALLOWED", "dash.example,btc.example");
    let output = command.output().unwrap();
    expect_success(&output);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(r#""dash.example""#) && said.contains(r#""btc.example""#), "{said}");
}

#[test]
fn names_of_digits_arrive_letter_for_letter_and_secrets_are_never_shown() {
    let bench = Bench::new();
    let secret = "0451e3";
    let mut command = bench.command(["check-config"]);
    for name in
        ["KAFKA__TOPIC_PREFIX", "ELASTICSEARCH__INDEX_PREFIX", "KIBANA__SPACE", "TOPOLOGY__CONSUMER_GROUP"]
    {
        command.env(format!("BITCOIN_DASHBOARD__{name}"), "007");
    }
    for section in ["ELASTICSEARCH", "KIBANA"] {
        command.env(format!("BITCOIN_DASHBOARD__{section}__USERNAME"), "007");
        command.env(format!("BITCOIN_DASHBOARD__{section}__PASSWORD"), secret);
    }
    let output = command.output().unwrap();
    expect_success(&output);
    let said = String::from_utf8(output.stdout).unwrap();
    for line in ["topic_prefix", "index_prefix", "space", "consumer_group", "username"] {
        assert!(said.contains(&format!("\n{line} = \"007\"\n")), "{line}: {said}");
    }
    assert!(said.contains("password = \"***\"") && !said.contains(secret), "{said}");
}

#[test]
fn a_mistake_near_a_secret_does_not_show_it() {
    let secret = "hunter2secret";
    let files = [
        format!("[elasticsearch]\npassword = {secret}\n"),
        format!("elasticsearch = \"{secret}\"\n"),
        format!("[kafka]\nsecurity = \"{secret}\"\n"),
        format!("[kafka.properties]\n\"sasl.jaas.config\" = \"password={secret};\"\n"),
    ];
    for file in files {
        let bench = Bench::new();
        std::fs::write(bench.path("bitcoin-dashboard.toml"), &file).unwrap();
        let output = bench.command(["check-config"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && !said.contains(secret), "{file}: {said}");
        assert!(
            said.contains("line 2") || said.contains("elasticsearch") || said.contains("kafka"),
            "{said}"
        );
    }
}

#[test]
fn export_is_sorted_by_id_and_an_absent_index_is_said() {
    let bench = Bench::new();
    bench.replay(&["sample"], &SHORT_SAMPLE);
    let ids: Vec<String> = bench
        .documents("btc-miner")
        .iter()
        .map(|document| document["_id"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.len() > 10 && ids.is_sorted(), "{ids:?}");
    assert_eq!(bench.export("btc-dead-letter"), "", "a known index without documents is empty");
    let store = bench.store();
    expect_refusal(
        &bench,
        &["export", "--store", store.to_str().unwrap(), "--index", "btc-volumes"],
        &[],
        &["btc-volumes", "btc-volume"],
    );
}

#[test]
fn a_store_of_one_feed_refuses_another() {
    let bench = Bench::new();
    bench.replay(&["sample"], &SHORT_SAMPLE);
    let store = bench.store();
    expect_refusal(
        &bench,
        &["topology", "--store", store.to_str().unwrap()],
        &[],
        &["sample", "live", "--store"],
    );
}

#[test]
fn an_error_is_said_once() {
    let bench = Bench::new();
    std::fs::write(bench.path("torn.toml"), "a = [").unwrap();
    let output = bench.run(["check-config", "--config", "torn.toml"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("unclosed array").count(), 1, "{said}");
}

/// What a shell's `command 2>&1 | head -0` does to a program.
#[test]
fn a_reader_that_has_gone_is_no_error() {
    let bench = Bench::new();
    for arguments in [&["topology", "--plan"][..], &["check-config"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status =
            bench.command(arguments).stdout(writer.try_clone().unwrap()).stderr(writer).status().unwrap();
        assert!(status.success(), "{arguments:?}: {status}");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut refused = bench.command(["check-config", "--config", "nowhere.toml"]);
    let status = refused.stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(1), "it fails, but it does not panic");
}

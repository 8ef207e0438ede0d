use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use super::document::{file, services};

/// A tag that names a version, or that of our own image.
fn is_pinned(image: &str) -> bool {
    let Some((name, tag)) = image.rsplit_once(':') else { return false };
    !name.is_empty() && !tag.contains("latest") && tag.matches('.').count() + tag.matches("-20").count() >= 1
}

#[test]
fn images_are_pinned() {
    for (name, service) in services() {
        let image = service["image"].as_str().unwrap();
        assert!(is_pinned(image), "{name}: {image}");
        let ours = image.starts_with("bitcoin-dashboard:");
        assert_eq!(service["build"].is_object(), ours, "{name}");
        let version = concat!("bitcoin-dashboard:", env!("CARGO_PKG_VERSION"));
        assert!(!ours || image == version, "{name}: {image} is not {version}");
    }
    for (image, expected) in [
        ("a/b:4.3.1", true),
        ("debian:bookworm-20260824-slim", true),
        ("a/b", false),
        ("a:latest", false),
        ("a:9", false),
    ] {
        assert_eq!(is_pinned(image), expected, "{image}");
    }
}

/// The Dockerfile's instructions, continued lines joined.
fn instructions() -> Vec<String> {
    let text = std::fs::read_to_string(file("Dockerfile")).unwrap().replace("\\\n", " ");
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn the_dockerfile_builds_with_this_compiler_and_runs_as_nobody_special() {
    let instructions = instructions();
    let find = |word: &str| -> Vec<&String> {
        instructions
            .iter()
            .filter(|instruction| instruction.split_whitespace().next() == Some(word))
            .collect()
    };
    let arguments: Vec<(&str, &str)> =
        find("ARG").iter().filter_map(|line| line["ARG ".len()..].split_once('=')).collect();
    let filled = |text: &str| {
        arguments
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
    };
    let stages: Vec<String> = find("FROM").iter().map(|line| filled(line)).collect();
    assert_eq!(stages.len(), 2, "{stages:?}");
    for stage in &stages {
        assert!(is_pinned(stage.split_whitespace().nth(1).unwrap()), "{stage}");
    }
    let rust_version = concat!("FROM rust:", env!("CARGO_PKG_RUST_VERSION"));
    assert!(stages[0].starts_with(rust_version), "{} is not {rust_version}", stages[0]);
    assert!(find("RUN").iter().any(|line| line.contains("cargo build") && line.contains("--locked")));
    assert_eq!(find("USER").last().unwrap().as_str(), "USER 10001:10001");
    assert_eq!(find("STOPSIGNAL"), ["STOPSIGNAL SIGTERM"]);
    assert_eq!((find("HEALTHCHECK").len(), find("ENTRYPOINT").len()), (1, 1));
    for copied in find("COPY").iter().filter(|line| !line.contains("--from")) {
        let source = copied.split_whitespace().filter(|word| !word.starts_with("--")).nth(1).unwrap();
        assert!(file(source).exists(), "{copied}");
    }
}

fn is_healthy(arguments: [&str; 2]) -> bool {
    Command::new(file("docker/healthcheck")).args(arguments).output().unwrap().status.success()
}

#[test]
fn a_page_is_healthy_when_it_says_so() {
    for (answer, expected) in [("200 OK", true), ("503 Service Unavailable", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let question: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").unwrap();
            question
        });
        assert_eq!(is_healthy(["page", &port]), expected, "{answer}");
        assert_eq!(server.join().unwrap()[..2], ["GET /health HTTP/1.1", "Host: localhost"]);
        assert!(!is_healthy(["page", &port]), "nobody listens any more");
    }
}

#[test]
fn a_producer_is_healthy_while_a_broker_holds_its_connection() {
    if !std::path::Path::new("/proc/net/tcp").exists() {
        eprintln!(
            "skipped: a_producer_is_healthy_while_a_broker_holds_its_connection: no /proc/net/tcp here"
        );
        return;
    }
    let broker = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = broker.local_addr().unwrap().port().to_string();
    assert!(!is_healthy(["broker", &port]), "a broker that only listens");
    let connection = TcpStream::connect(broker.local_addr().unwrap()).unwrap();
    assert!(is_healthy(["broker", &port]));
    drop((connection, broker));
    crate::support::wait_for("the connection's end", || !is_healthy(["broker", &port]));
}

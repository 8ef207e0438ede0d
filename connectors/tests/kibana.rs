//! Goal: an import succeeds only if Kibana says that every object is in, and whatever else it answers becomes a message
//! that says what to do. Method: a server that reads the request as Kibana does and answers what a case says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use trombe_connectors::{Kibana, KibanaConfig, KibanaError, ObjectName};

const NDJSON: &str = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n";

/// Answers one request after the other with these statuses and bodies; gives the requests back.
async fn with_answers<T>(
    answers: &[(u16, &str)],
    config: KibanaConfig,
    ask: impl AsyncFnOnce(Kibana) -> T,
) -> (T, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let kibana = Kibana::connect(&KibanaConfig { url, ..config }).unwrap();
    let serve = async {
        let mut requests = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "the request ends early");
            }
            requests.push(String::from_utf8(request).unwrap());
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    };
    tokio::join!(ask(kibana), serve)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() == length.unwrap_or(0_usize)
}

#[tokio::test]
async fn an_import_is_one_ndjson_file_that_overwrites() {
    let config = KibanaConfig {
        space: "bitcoin".into(),
        username: "elastic".into(),
        password: "hunter2".into(),
        ..KibanaConfig::default()
    };
    let answer = json!({ "success": true, "successCount": 2, "warnings": [] }).to_string();
    let (outcome, requests) =
        with_answers(&[(200, &answer)], config, async |kibana| kibana.import(NDJSON, 2).await).await;
    outcome.unwrap();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(head.starts_with("post /s/bitcoin/api/saved_objects/_import?overwrite=true "), "{head}");
    assert!(head.contains("\r\nkbn-xsrf: true"), "{head}");
    assert!(head.contains("\r\nauthorization: basic zwxhc3rpyzpodw50zxiy"), "{head}");
    let boundary = head.split_once("multipart/form-data; boundary=").unwrap().1.lines().next().unwrap();
    let file = body.strip_prefix(&format!("--{boundary}\r\n")).unwrap();
    let (part_head, rest) = file.split_once("\r\n\r\n").unwrap();
    assert!(part_head.contains("form-data; name=\"file\"; filename=\"dashboard.ndjson\""), "{part_head}");
    assert_eq!(rest, format!("{NDJSON}\r\n--{boundary}--\r\n"));
}

#[tokio::test]
async fn whatever_else_is_answered_is_an_error_that_says_what_to_do() {
    let partly = json!({ "success": false, "successCount": 1, "errors": [
        { "type": "visualization", "id": "b", "error": { "type": "missing_references" } },
    ]})
    .to_string();
    let refused =
        json!({ "statusCode": 422, "message": "belongs to a more recent version of Kibana" }).to_string();
    for (status, body, message) in [
        (200, partly.as_str(), "1 objects were not imported (visualization `b`: missing_references); mend"),
        (200, r#"{"success":true,"successCount":1}"#, "1 objects were not imported (without a reason); mend"),
        (422, refused.as_str(), "2 objects were not imported (belongs to a more recent version"),
        (200, "<html>", " answered 200 and not as Kibana does (<html>); mend kibana.url"),
        (302, "", " answered 302 and not as Kibana does (); mend kibana.url"),
        (401, "{}", " does not let us (401); mend the credentials"),
        (403, "{}", " does not let us (403); mend the credentials"),
        (503, "Kibana server is not ready yet", "so it is not ready); start Kibana or mend kibana.url"),
    ] {
        let config = KibanaConfig::default();
        let (outcome, _) =
            with_answers(&[(status, body)], config, async |kibana| kibana.import(NDJSON, 2).await).await;
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let absent = KibanaConfig { url: "http://127.0.0.1:9".into(), ..KibanaConfig::default() };
    let error = Kibana::connect(&absent).unwrap().import(NDJSON, 2).await.unwrap_err();
    assert!(matches!(error, KibanaError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn an_export_gives_the_objects_that_are_there() {
    let name = |id: &str| ObjectName { kind: "dashboard".into(), id: id.into() };
    let missing = json!({ "statusCode": 400, "attributes": { "objects": [
        { "type": "dashboard", "id": "a", "error": { "statusCode": 404 } },
    ]}})
    .to_string();
    let config = KibanaConfig { api_key: "a2V5".into(), ..KibanaConfig::default() };
    let answers = [(400, missing.as_str()), (200, "{\"id\":\"b\"}")];
    let (outcome, requests) =
        with_answers(&answers, config.clone(), async |kibana| kibana.export(&[name("a"), name("b")]).await)
            .await;
    assert_eq!(outcome.unwrap(), [json!({ "id": "b" })]);
    assert!(
        requests[1].ends_with(r#"{"excludeExportDetails":true,"objects":[{"id":"b","type":"dashboard"}]}"#)
    );
    assert!(requests[1].contains("authorization: ApiKey a2V5"), "{}", requests[1]);

    let (outcome, _) =
        with_answers(&[(400, &missing)], config.clone(), async |kibana| kibana.export(&[name("a")]).await)
            .await;
    assert!(outcome.unwrap().is_empty());
    let (outcome, _) =
        with_answers(&[(400, "{}")], config, async |kibana| kibana.export(&[name("a")]).await).await;
    assert!(matches!(outcome.unwrap_err(), KibanaError::Strange { status: 400, .. }));
}

//! The index on a real Elasticsearch keeps the promises of [`conformance`]. `TROMBE_ELASTICSEARCH` names its nodes.

use chrono::{DateTime, TimeDelta};
use trombe_connectors::{
    Document, ElasticsearchConfig, ElasticsearchIndex, Index, Outcome, Range, conformance,
};

/// An index whose names begin with a prefix of this test's own, or why there is none.
fn index(test: &str) -> Option<(ElasticsearchIndex, String)> {
    let Ok(urls) = std::env::var("TROMBE_ELASTICSEARCH") else {
        eprintln!("skipped: {test}: TROMBE_ELASTICSEARCH names no nodes");
        return None;
    };
    let index_prefix = format!("trombe-{test}-{:x}-", std::process::id());
    let config = ElasticsearchConfig {
        urls: urls.split(',').map(str::to_owned).collect(),
        index_prefix: index_prefix.clone(),
        ..ElasticsearchConfig::default()
    };
    Some((ElasticsearchIndex::connect(&config).expect("the settings are good"), index_prefix))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_conforms() {
    let Some((index, _)) = index("conforms") else { return };
    conformance::index(|| index.clone()).await;
    index.delete_all_indices().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_gives_a_hundred_thousand_documents_in_order() {
    const COUNT: u32 = 100_000;
    let Some((index, _)) = index("scan") else { return };
    let document = |number: u32| Document {
        index: "many".into(),
        // The order of arrival is not the order of ids.
        id: format!("{:06}", u64::from(number) * 7_919 % u64::from(COUNT)),
        version: 1 + u64::from(number),
        timestamp: DateTime::UNIX_EPOCH + TimeDelta::milliseconds(number.into()),
        source: format!(
            r#"{{"@timestamp":"{}","number":{number}}}"#,
            (DateTime::UNIX_EPOCH + TimeDelta::milliseconds(number.into())).to_rfc3339()
        ),
    };
    let outcomes = index.bulk((0..COUNT).map(document).collect()).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Indexed));
    assert_eq!(index.count("many").await.unwrap(), u64::from(COUNT));

    let mut ids: Vec<String> = Vec::new();
    loop {
        let page = index.scan("many", ids.last().map(String::as_str), 9_000).await.unwrap();
        if page.is_empty() {
            break;
        }
        ids.extend(page.into_iter().map(|document| document.id));
    }
    assert!(ids.is_sorted() && ids.len() == COUNT as usize, "{} ids", ids.len());
    // A handle that never saw the first page begins in the middle.
    let rest = index.scan("many", Some("099990"), 100).await.unwrap();
    assert_eq!(rest.first().map(|document| &*document.id), Some("099991"));
    assert_eq!(rest.len(), 9);

    let range = Range {
        index: "many".into(),
        from: DateTime::UNIX_EPOCH,
        until: DateTime::UNIX_EPOCH + TimeDelta::milliseconds(90_000),
        documents_max: 25_000,
    };
    let newest = index.range(&range).await.unwrap();
    let versions: Vec<u64> = newest.iter().map(|document| document.version).collect();
    assert_eq!(versions, (65_001..=90_000).collect::<Vec<u64>>());
    assert_eq!(index.oldest("many").await.unwrap().map(|document| document.version), Some(1));
    index.delete_all_indices().await.unwrap();
}

#[tokio::test]
async fn templates_come_and_go() {
    let Some((index, prefix)) = index("template") else { return };
    let name = format!("{prefix}template");
    assert!(index.version().await.unwrap().contains('.'));
    assert_eq!(index.template(&name).await.unwrap(), None);
    let template = serde_json::json!({
        "index_patterns": [format!("{prefix}*")],
        "template": {"mappings": {"dynamic": "strict", "properties": {"@timestamp": {"type": "date"}}}}
    });
    index.put_template(&name, &template).await.unwrap();
    index.put_template(&name, &template).await.unwrap();
    let installed = index.template(&name).await.unwrap().unwrap();
    assert_eq!(installed["template"]["mappings"], template["template"]["mappings"]);

    let strict = |source: &str| Document {
        index: "strict".into(),
        id: source.into(),
        version: 1,
        timestamp: DateTime::UNIX_EPOCH,
        source: source.into(),
    };
    let outcomes = index
        .bulk(vec![strict(r#"{"@timestamp":"2024-10-19T00:00:00Z"}"#), strict(r#"{"surprise":1}"#)])
        .await
        .unwrap();
    match &outcomes[..] {
        [Outcome::Indexed, Outcome::Rejected(why)] => {
            assert!(why.contains("strict_dynamic_mapping"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    index.delete_all_indices().await.unwrap();
    index.delete_template(&name).await.unwrap();
    assert_eq!(index.template(&name).await.unwrap(), None);
}

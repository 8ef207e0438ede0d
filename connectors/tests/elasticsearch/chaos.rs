//! Goal: whatever happens to requests and answers, in the end every document is there in its newest version. Method: a server that keeps
//! documents by Elasticsearch's rules and mistreats requests at random, from a seed that a failure shows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::Value;
use trombe_connectors::{Document, ElasticsearchConfig, ElasticsearchIndex, Index, Outcome};

use crate::server::{Act, CREATED, Request, Server, document, failed};

type Stored = Arc<Mutex<BTreeMap<String, u64>>>;

/// Stores a request's documents and gives the fields of each item; of some it says that they were not stored.
fn store(stored: &Stored, request: &Request, busy: u8) -> Act {
    let mut items = BTreeMap::new();
    let mut stored = stored.lock().unwrap();
    let mut fields = Vec::new();
    for (number, line) in request.body.lines().step_by(2).enumerate() {
        let action: Value = serde_json::from_str(line).unwrap();
        let (id, version) =
            (action["index"]["_id"].as_str().unwrap(), action["index"]["version"].as_u64().unwrap());
        let known = stored.get(id).copied();
        fields.push(if number % 7 == usize::from(busy % 7) && busy > 100 {
            failed(429, "es_rejected_execution_exception")
        } else if known.is_some_and(|known| known >= version) {
            failed(409, "version_conflict_engine_exception")
        } else {
            stored.insert(id.to_owned(), version);
            CREATED.to_owned()
        });
        items.insert(number, id.to_owned());
    }
    let text = |(number, id): (&usize, &String)| {
        format!(r#"{{"index":{{"_index":"docs","_id":"{id}",{}}}}}"#, fields[*number])
    };
    let items: Vec<String> = items.iter().map(text).collect();
    Act::Answer(200, format!(r#"{{"errors":true,"items":[{}]}}"#, items.join(",")))
}

fn play(stored: &Stored, fates: &[u8], request: &Request) -> Act {
    let fate = fates.get(request.number).copied().unwrap_or(0);
    match fate % 16 {
        0..8 => store(stored, request, fate),
        8 => Act::Cut,
        9 => {
            store(stored, request, 0);
            Act::Cut
        }
        10 => {
            store(stored, request, 0);
            Act::Answer(200, r#"{"items":[]}"#.into())
        }
        11 => Act::Answer(200, "{".into()),
        12 if request.ids().len() > 1 => Act::Answer(413, String::new()),
        13 => Act::Answer(429, format!("{{{}}}", failed(429, "es_rejected_execution_exception"))),
        14 => Act::Answer(503, format!("{{{}}}", failed(503, "master_not_discovered_exception"))),
        _ => Act::Answer(500, String::new()),
    }
}

/// Sends documents until none is left, as the topology's sink does.
async fn send_all(index: &ElasticsearchIndex, mut documents: Vec<Document>) {
    while !documents.is_empty() {
        let Ok(outcomes) = index.bulk(documents.clone()).await else { continue };
        assert_eq!(outcomes.len(), documents.len());
        let mut outcomes = outcomes.into_iter();
        documents.retain(|document| match outcomes.next() {
            Some(Outcome::Indexed | Outcome::Stale) => false,
            Some(Outcome::Retry(_)) => true,
            other => panic!("{other:?} for {document:?}"),
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn nothing_is_lost_or_taken_back(
        fates in prop::collection::vec(any::<u8>(), 0..40),
        writes in prop::collection::vec((0..20_u8, 1..50_u64), 1..120),
        count_max in 1..30_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stored = Stored::default();
        let mut expected = BTreeMap::new();
        for (id, version) in &writes {
            let newest = expected.entry(id.to_string()).or_insert(0);
            *newest = version.max(newest).to_owned();
        }
        runtime.block_on(async {
            let kept = Arc::clone(&stored);
            let server = Server::start(move |request| play(&kept, &fates, request)).await;
            let config = ElasticsearchConfig { bulk_count_max: count_max, concurrency_max: 3, ..server.config() };
            let index = ElasticsearchIndex::connect(&config).unwrap();
            let callers = writes.chunks(writes.len().div_ceil(4)).map(|part| {
                let write = |(id, version): &(u8, u64)| Document { version: *version, ..document(&id.to_string()) };
                send_all(&index, part.iter().map(write).collect())
            });
            futures_util::future::join_all(callers).await;
        });
        prop_assert_eq!(&*stored.lock().unwrap(), &expected);
    }
}

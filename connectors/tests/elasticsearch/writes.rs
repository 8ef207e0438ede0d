//! Goal: each document of a bulk request ends as its own item says. Method: a server that says it.

use trombe_connectors::{Document, ElasticsearchConfig, ElasticsearchIndex, Index, Outcome};

use crate::server::{Act, CREATED, Server, document, documents, failed, refusal};

#[tokio::test]
async fn only_what_may_succeed_is_sent_again() {
    let server = Server::start(|request| {
        request.items(|id| match (id, request.number) {
            ("stale", _) => failed(409, "version_conflict_engine_exception"),
            ("bad", _) => failed(400, "mapper_parsing_exception"),
            ("busy", 0 | 1) => failed(429, "es_rejected_execution_exception"),
            ("away", 0) => failed(503, "unavailable_shards_exception"),
            ("never", _) => failed(500, "some_exception"),
            ("full", _) => failed(403, "cluster_block_exception"),
            ("kept", _) => format!(r#"{CREATED},"failure_store":"used""#),
            _ => CREATED.to_owned(),
        })
    })
    .await;
    let ids = ["good", "stale", "bad", "busy", "away", "never", "full", "kept"];
    let outcomes = server.index().bulk(documents(&ids)).await.unwrap();
    let Outcome::Retry(full) = &outcomes[6] else { panic!("{outcomes:?}") };
    assert!(full.contains("flood-stage watermark"), "{full}");
    let Outcome::Rejected(kept) = &outcomes[7] else { panic!("{outcomes:?}") };
    assert!(kept.contains("failure store"), "{kept}");
    assert_eq!(
        outcomes[..6],
        [
            Outcome::Indexed,
            Outcome::Stale,
            Outcome::Rejected("HTTP 400, mapper_parsing_exception: as scripted".into()),
            Outcome::Indexed,
            Outcome::Indexed,
            Outcome::Retry("HTTP 500, some_exception: as scripted".into()),
        ]
    );
    let sent: Vec<String> = server.requests().iter().map(|request| request.ids().join(" ")).collect();
    let again = "never full";
    assert_eq!(sent, [&ids.join(" "), "busy away never full", "busy never full", again, again]);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_halved_and_a_document_that_is_too_large_rejected() {
    let server = Server::start(|request| match request.body.len() {
        0..2_000 => request.items(|_| CREATED.to_owned()),
        _ => Act::Answer(413, String::new()),
    })
    .await;
    let mut sent: Vec<Document> = (0..40).map(|n| document(&n.to_string())).collect();
    sent[17].source = format!(r#"{{"x":"{}"}}"#, "x".repeat(3_000));
    let outcomes = server.index().bulk(sent).await.unwrap();
    for (number, outcome) in outcomes.iter().enumerate() {
        match number {
            17 => assert_eq!(*outcome, Outcome::Rejected("HTTP 413".into())),
            _ => assert_eq!(*outcome, Outcome::Indexed, "{number}"),
        }
    }
}

#[tokio::test]
async fn smaller_requests_are_sent_after_one_that_was_too_large() {
    let server = Server::start(|request| match request.body.len() {
        0..200_000 => request.items(|_| CREATED.to_owned()),
        _ => Act::Answer(413, String::new()),
    })
    .await;
    let index = server.index();
    let large = |count: usize| -> Vec<Document> {
        let source = format!(r#"{{"x":"{}"}}"#, "x".repeat(10_000));
        (0..count).map(|n| Document { source: source.clone(), ..document(&n.to_string()) }).collect()
    };
    assert_eq!(index.bulk(large(30)).await.unwrap(), vec![Outcome::Indexed; 30]);
    assert_eq!(server.requests().len(), 3);
    assert_eq!(index.bulk(large(30)).await.unwrap(), vec![Outcome::Indexed; 30]);
    let later = server.requests().split_off(3);
    assert!(later.iter().all(|request| request.body.len() < 200_000));
}

#[tokio::test]
async fn a_document_that_spoils_the_request_is_found_and_the_others_are_stored() {
    let server = Server::start(|request| {
        if request.ids().contains(&"13".to_owned()) {
            refusal(400, "illegal_argument_exception")
        } else {
            request.items(|_| CREATED.to_owned())
        }
    })
    .await;
    let sent: Vec<Document> = (0..20).map(|n| document(&n.to_string())).collect();
    let outcomes = server.index().bulk(sent).await.unwrap();
    let rejected = Outcome::Rejected("HTTP 400, illegal_argument_exception: as scripted".into());
    let mut expected = vec![Outcome::Indexed; 20];
    expected[13] = rejected;
    assert_eq!(outcomes, expected);
}

#[tokio::test]
async fn a_request_of_unknown_fate_is_sent_again() {
    let server = Server::start(|request| match request.number {
        // The server has stored them; who sent them cannot know.
        0 => Act::Cut,
        _ => request.items(|_| failed(409, "version_conflict_engine_exception")),
    })
    .await;
    let outcomes = server.index().bulk(documents(&["a", "b"])).await.unwrap();
    assert_eq!(outcomes, [Outcome::Stale, Outcome::Stale]);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, requests[1].body);
}

#[tokio::test]
async fn answers_that_do_not_match_are_not_believed() {
    let one = r#"{"index":{"_index":"docs","_id":"a","status":201}}"#;
    let other = r#"{"index":{"_index":"docs","_id":"b","status":201}}"#;
    let answers = [vec![one], vec![one, one, other], vec![other, one], vec![]];
    for items in answers {
        let wrong = format!(r#"{{"errors":false,"items":[{}]}}"#, items.join(","));
        let at_first = wrong.clone();
        let server = Server::start(move |request| match request.number {
            0 => Act::Answer(200, at_first.clone()),
            _ => request.items(|_| CREATED.to_owned()),
        })
        .await;
        let outcomes = server.index().bulk(documents(&["a", "b"])).await.unwrap();
        assert_eq!(outcomes, [Outcome::Indexed, Outcome::Indexed]);
        assert_eq!(server.requests().len(), 2, "{wrong}");

        let server = Server::start(move |_| Act::Answer(200, wrong.clone())).await;
        let error = server.index().bulk(documents(&["a", "b"])).await.unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("the answer is about"), "{error}");
        assert!(server.requests().len() <= 5, "it is given up");
    }
}

#[tokio::test]
async fn documents_of_several_callers_go_together_and_each_caller_hears_of_its_own() {
    let server = Server::start(|request| {
        request.items(|id| match id.parse::<u32>() {
            Ok(number) if number % 2 == 0 => CREATED.to_owned(),
            _ => failed(400, "mapper_parsing_exception"),
        })
    })
    .await;
    let config = ElasticsearchConfig { bulk_age_ms: 10_000, bulk_count_max: 20, ..server.config() };
    let index = ElasticsearchIndex::connect(&config).unwrap();
    let ids: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let calls = ids.iter().map(|id| index.bulk(documents(&[id])));
    for (number, outcomes) in futures_util::future::join_all(calls).await.into_iter().enumerate() {
        match &outcomes.unwrap()[..] {
            [Outcome::Indexed] => assert_eq!(number % 2, 0),
            [Outcome::Rejected(_)] => assert_eq!(number % 2, 1),
            other => panic!("{other:?}"),
        }
    }
    let sizes: Vec<usize> = server.requests().iter().map(|request| request.ids().len()).collect();
    assert_eq!(sizes, [20], "the batch went when it was full");

    let aged = ElasticsearchConfig { bulk_age_ms: 20, ..config };
    let index = ElasticsearchIndex::connect(&aged).unwrap();
    assert_eq!(index.bulk(documents(&["2"])).await.unwrap(), [Outcome::Indexed], "or when it is old");
}

#[tokio::test]
async fn a_refusal_is_told_once_and_not_asked_for_again() {
    for (status, body) in
        [(401, refusal(401, "security_exception")), (403, refusal(403, "security_exception"))]
    {
        let server = Server::start(move |_| body.clone()).await;
        let index = server.index();
        for _ in 0..5 {
            let error = index.bulk(documents(&["a"])).await.unwrap_err();
            assert!(!error.is_transient() && error.to_string().contains(&status.to_string()), "{error}");
        }
        assert_eq!(server.requests().len(), 1, "the pause keeps the cluster from hearing it again");
    }
    let forbidden = Server::start(|request| request.items(|_| failed(403, "security_exception"))).await;
    let error = forbidden.index().bulk(documents(&["a", "b"])).await.unwrap_err();
    assert!(!error.is_transient(), "no document is to blame: {error}");
}

#[tokio::test]
async fn a_fault_of_the_set_up_is_no_fault_of_a_document() {
    let mixed = Server::start(|request| {
        request.items(|id| match id {
            "good" => CREATED.to_owned(),
            _ => failed(403, "security_exception"),
        })
    })
    .await;
    let error = mixed.index().bulk(documents(&["good", "forbidden"])).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("security_exception"), "{error}");

    let proxy = Server::start(|_| Act::Answer(400, "<html>Bad Request</html>".into())).await;
    let error = proxy.index().bulk(documents(&["a", "b", "c"])).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("Bad Request"), "{error}");
    assert_eq!(proxy.requests().len(), 1, "no document is looked for");

    for (status, kind) in [(404, "index_not_found_exception"), (400, "index_closed_exception")] {
        let server = Server::start(move |request| match request.number {
            0 => request.items(|_| failed(status, kind)),
            1 => refusal(status, kind),
            _ => request.items(|_| CREATED.to_owned()),
        })
        .await;
        let outcomes = server.index().bulk(documents(&["a", "b"])).await.unwrap();
        assert_eq!(outcomes, [Outcome::Indexed, Outcome::Indexed], "{kind}");
    }
}

#[tokio::test]
async fn after_its_pause_a_refusal_may_be_mended() {
    let server = Server::start(|request| match request.number {
        0 => refusal(401, "security_exception"),
        _ => request.items(|_| CREATED.to_owned()),
    })
    .await;
    let config = ElasticsearchConfig { refused_pause_ms: 0, ..server.config() };
    let index = ElasticsearchIndex::connect(&config).unwrap();
    assert!(index.bulk(documents(&["a"])).await.is_err());
    assert_eq!(index.bulk(documents(&["a"])).await.unwrap(), [Outcome::Indexed]);
}

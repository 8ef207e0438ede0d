//! Goal: whatever the cluster answers, each document ends exactly once and as the rules say. Method: a scripted wire.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use chrono::DateTime;
use proptest::prelude::*;

use super::*;

const POLICY: Policy = Policy { tries_max: 5, backoff: Backoff { ms_min: 1, ms_max: 10 } };

/// What the wire does with a request; the ends it makes up itself.
#[derive(Clone, Debug)]
enum Move {
    /// The document with this id answers as scripted, one step for each time it is sent.
    Answer,
    Later,
    Busy,
}

/// What a document answers when it is sent, step by step; then it is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Again,
    Stale,
    Rejected,
    NotAllowed,
}

#[derive(Debug, Default)]
struct Script {
    moves: Mutex<VecDeque<Move>>,
    steps: Mutex<BTreeMap<String, VecDeque<Step>>>,
    /// Ids that make a request too large, or bad.
    poison: Vec<(String, bool)>,
    count_max: usize,
    /// Every id that was answered with an end, and how often.
    ended: Mutex<BTreeMap<String, u32>>,
    posts: Mutex<usize>,
}

impl Wire for Script {
    async fn post(&self, documents: &[&Document]) -> Reply {
        assert!(!documents.is_empty(), "no request is empty");
        *self.posts.lock().unwrap() += 1;
        match self.moves.lock().unwrap().pop_front() {
            Some(Move::Later) => return Reply::Later("cut".into()),
            Some(Move::Busy) => return Reply::Busy("busy".into()),
            Some(Move::Answer) | None => {}
        }
        if documents.len() > self.count_max {
            return Reply::TooLarge("too large".into());
        }
        for (id, is_bad) in &self.poison {
            if documents.iter().any(|document| document.id == *id) {
                return if *is_bad { Reply::Bad("bad".into()) } else { Reply::TooLarge("too large".into()) };
            }
        }
        Reply::Items(documents.iter().map(|document| self.end(&document.id)).collect())
    }
}

impl Script {
    fn end(&self, id: &str) -> ItemEnd {
        let step = self.steps.lock().unwrap().get_mut(id).and_then(VecDeque::pop_front);
        if !matches!(step, Some(Step::Again | Step::NotAllowed)) {
            *self.ended.lock().unwrap().entry(id.to_owned()).or_default() += 1;
        }
        match step {
            None => ItemEnd::Done(Outcome::Indexed),
            Some(Step::Again) => ItemEnd::Again { why: "429".into(), is_overloaded: true },
            Some(Step::Stale) => ItemEnd::Done(Outcome::Stale),
            Some(Step::Rejected) => ItemEnd::Done(Outcome::Rejected("400".into())),
            Some(Step::NotAllowed) => ItemEnd::NotAllowed("403".into()),
        }
    }
}

fn documents(count: usize) -> Vec<Document> {
    let document = |id: usize| Document {
        index: "i".into(),
        id: id.to_string(),
        version: 1,
        timestamp: DateTime::UNIX_EPOCH,
        source: "{}".into(),
    };
    (0..count).map(document).collect()
}

/// What must become of a document that answers with these steps, if every request is answered.
fn expected(steps: &[Step], poison: Option<bool>) -> Outcome {
    if let Some(is_bad) = poison {
        return Outcome::Rejected(if is_bad { "bad" } else { "too large" }.into());
    }
    let is_open = |step: &&Step| matches!(step, Step::Again | Step::NotAllowed);
    match steps.iter().take(POLICY.tries_max as usize).find(|step| !is_open(step)) {
        Some(Step::Stale) => Outcome::Stale,
        Some(Step::Rejected) => Outcome::Rejected("400".into()),
        _ if steps.len() < POLICY.tries_max as usize => Outcome::Indexed,
        _ => Outcome::Retry("429".into()),
    }
}

fn run(script: &Script, count: usize) -> Result<Vec<Outcome>, Trouble> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(deliver(script, POLICY, &documents(count)))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let last = prop_oneof![
        4 => Just(vec![]), 1 => Just(vec![Step::Stale]), 1 => Just(vec![Step::Rejected]), 1 => Just(vec![Step::NotAllowed])
    ];
    (0..7_usize, last).prop_map(|(agains, last)| [vec![Step::Again; agains], last].concat())
}

proptest! {
    #[test]
    fn every_document_ends_once_and_as_the_rules_say(
        scripts in prop::collection::vec((steps(), prop::option::weighted(0.1, any::<bool>())), 1..40),
        count_max in 1..50_usize,
    ) {
        let id = |number: usize| number.to_string();
        let script = Script {
            steps: Mutex::new(scripts.iter().enumerate().map(|(n, (steps, _))| (id(n), steps.clone().into())).collect()),
            poison: scripts.iter().enumerate().filter_map(|(n, (_, poison))| Some((id(n), (*poison)?))).collect(),
            count_max,
            ..Script::default()
        };
        let delivered = run(&script, scripts.len());
        let last = POLICY.tries_max as usize - 1;
        if scripts.iter().any(|(steps, poison)| poison.is_none() && steps.get(last) == Some(&Step::NotAllowed)) {
            prop_assert_eq!(delivered, Err(Trouble::Refused("403".into())));
            return Ok(());
        }
        let outcomes = delivered.unwrap();
        let wanted: Vec<Outcome> = scripts.iter().map(|(steps, poison)| expected(steps, *poison)).collect();
        prop_assert_eq!(&outcomes, &wanted);
        let ended = script.ended.lock().unwrap();
        for (number, outcome) in outcomes.iter().enumerate() {
            let is_open = matches!(outcome, Outcome::Retry(_)) || scripts[number].1.is_some();
            prop_assert_eq!(ended.get(&id(number)).copied().unwrap_or(0), u32::from(!is_open));
        }
    }

    #[test]
    fn requests_without_an_answer_lose_nothing(
        moves in prop::collection::vec(prop_oneof![Just(Move::Answer), Just(Move::Later), Just(Move::Busy)], 0..12),
        count in 1..20_usize,
        count_max in 1..30_usize,
    ) {
        let script = Script { moves: Mutex::new(moves.into()), count_max, ..Script::default() };
        match run(&script, count) {
            Ok(outcomes) => {
                prop_assert_eq!(outcomes.len(), count);
                let ended = script.ended.lock().unwrap();
                for (number, outcome) in outcomes.iter().enumerate() {
                    let times = ended.get(&number.to_string()).copied().unwrap_or(0);
                    prop_assert_eq!(times, u32::from(*outcome == Outcome::Indexed));
                }
            }
            Err(Trouble::Away(_)) => prop_assert!(script.ended.lock().unwrap().is_empty()),
            Err(Trouble::Refused(why)) => prop_assert!(false, "nothing was refused: {}", why),
        }
    }
}

#[test]
fn a_cluster_that_is_away_is_told_after_few_requests() {
    let script =
        Script { moves: Mutex::new(vec![Move::Later; 100].into()), count_max: 10, ..Script::default() };
    assert_eq!(run(&script, 5), Err(Trouble::Away("cut".into())));
    assert_eq!(*script.posts.lock().unwrap(), UNANSWERED_MAX as usize);
}

#[test]
fn what_was_stored_before_the_cluster_went_away_is_told() {
    let moves = [vec![Move::Answer; 2], vec![Move::Later; 100]].concat();
    let script = Script { moves: Mutex::new(moves.into()), count_max: 2, ..Script::default() };
    let later = || Outcome::Retry("cut".into());
    assert_eq!(run(&script, 4), Ok(vec![Outcome::Indexed, Outcome::Indexed, later(), later()]));
}

#[test]
fn a_refusal_ends_everything_at_once() {
    struct Refusing;
    impl Wire for Refusing {
        async fn post(&self, _: &[&Document]) -> Reply {
            Reply::Refused("401".into())
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let delivered = runtime.block_on(deliver(&Refusing, POLICY, &documents(3)));
    assert_eq!(delivered, Err(Trouble::Refused("401".into())));
}

//! What every log, every index and every state must do, as functions to be called from tests.
//!
//! Each function checks one promise and panics where it is broken. Names of topics, groups and indices are new in
//! each call, so that the suites may run again and again on one server.
//!
//! ```
//! use trombe_connectors::{EmbeddedStore, conformance};
//!
//! # tokio::runtime::Builder::new_multi_thread().build()?.block_on(async {
//! conformance::log(|| EmbeddedStore::open_in_memory().expect("a store opens")).await;
//! conformance::index(|| EmbeddedStore::open_in_memory().expect("a store opens")).await;
//! conformance::state(&EmbeddedStore::open_in_memory().expect("a store opens"));
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod append_checks;
mod consumer_checks;
mod group_checks;
mod index_checks;
mod log_steps;
mod start_checks;
mod state_checks;

use std::fmt::Debug;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{Index, Log, State};

/// A server may show a write a little later than it has answered it; this is how long it may take.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// Checks every promise of [`Log`].
pub async fn log<L: Log>(make: impl Fn() -> L) {
    use self::{append_checks as append, consumer_checks as consumer, start_checks as start};
    append::a_message_comes_back_as_it_was(&make()).await;
    append::offsets_are_dense_and_answered_in_order(&make()).await;
    append::a_key_decides_the_partition(&make()).await;
    append::concurrent_appends_do_not_mix_up_positions(&make()).await;
    append::an_empty_append_is_nothing(&make()).await;
    append::a_batch_with_a_message_too_large_is_refused_whole(&make()).await;
    append::a_missing_topic_is_an_error(&make()).await;
    append::a_topic_keeps_its_partitions(&make()).await;
    consumer::a_group_without_commits_starts_at_the_oldest_message(&make()).await;
    consumer::a_group_goes_on_where_it_committed(&make()).await;
    consumer::a_commit_never_goes_back(&make()).await;
    consumer::groups_do_not_know_each_other(&make()).await;
    consumer::members_share_every_partition_once(&make()).await;
    consumer::a_member_that_makes_no_sense_is_refused(&make()).await;
    consumer::a_poll_keeps_its_limits(&make()).await;
    consumer::a_poll_without_news_gives_nothing(&make()).await;
    consumer::a_consumer_sees_what_comes_later(&make()).await;
    consumer::no_partition_starves(&make()).await;
    consumer::a_record_can_be_read_again(&make()).await;
    consumer::lag_is_what_is_not_committed(&make()).await;
    start::each_strategy_begins_where_it_says(&make()).await;
    start::a_commit_of_another_identity_is_no_bound(&make()).await;
    start::an_identity_has_a_limit(&make()).await;
}

/// Checks the promises about [`Assignment::Group`](crate::Assignment::Group), of a log that offers it.
pub async fn log_groups<L: Log>(make: impl Fn() -> L) {
    group_checks::partitions_move_without_lost_or_doubled_records(&make()).await;
    group_checks::a_member_that_dies_loses_nothing(&make()).await;
}

/// Checks every promise of [`Index`].
pub async fn index<I: Index>(make: impl Fn() -> I) {
    use self::index_checks as check;
    check::a_document_comes_back_byte_for_byte(&make()).await;
    check::only_a_greater_version_replaces(&make()).await;
    check::a_repeated_bulk_changes_nothing(&make()).await;
    check::outcomes_are_in_the_order_of_the_request(&make()).await;
    check::an_id_may_occur_twice_in_a_bulk(&make()).await;
    check::what_can_never_be_stored_is_rejected(&make()).await;
    check::versions_are_63_bits_wide(&make()).await;
    check::an_empty_bulk_is_nothing(&make()).await;
    check::an_absent_index_is_empty(&make()).await;
    check::indices_are_apart(&make()).await;
    check::a_range_is_half_open_and_oldest_first(&make()).await;
    check::a_limited_range_keeps_the_newest(&make()).await;
    check::the_oldest_document_is_the_first_by_time(&make()).await;
    check::a_document_can_move_in_time(&make()).await;
    check::a_scan_pages_through_everything_by_id(&make()).await;
    check::the_revision_changes_with_the_documents(&make()).await;
}

/// Checks every promise of [`State`] that one process can see.
pub fn state(state: &impl State) {
    state_without_expiry(state);
    state_checks::what_has_expired_is_gone_until_written_anew(state);
    state_checks::facts_are_kept_apart_from_entries(state);
}

/// The same of a store that keeps values for ever, and no facts.
pub fn state_without_expiry(state: &impl State) {
    use self::state_checks as check;
    check::a_value_comes_back_byte_for_byte(state);
    check::the_last_change_of_an_apply_counts(state);
    check::namespaces_are_apart(state);
    check::a_scan_gives_a_prefix_in_byte_order(state);
    check::an_empty_apply_is_nothing(state);
    check::a_large_apply_is_whole(state);
    check::readers_see_an_apply_whole_or_not_at_all(state);
    check::concurrent_applies_are_all_made(state);
}

/// A name that was never used before, valid for a topic, a group and an index.
fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("conformance-{name}-{:x}-{:x}-{count}", since.as_millis(), process::id())
}

/// Asks until the answer is the expected one, and panics when patience ends before.
async fn eventually<T: PartialEq + Debug>(expected: T, ask: impl AsyncFn() -> T) {
    let deadline = Instant::now() + PATIENCE;
    let mut answer = ask().await;
    while answer != expected && Instant::now() < deadline {
        thread::sleep(PAUSE);
        answer = ask().await;
    }
    assert_eq!(answer, expected);
}

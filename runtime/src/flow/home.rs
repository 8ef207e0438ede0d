//! Where a spout's task hears of its flights.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use super::flight::{Ids, Root, unpoisoned};
use super::lineage::Position;
use crate::clock::Nanos;
use crate::failure::Autopsy;
use crate::metrics::site::Site;
use crate::sync::{AtomicUsize, Mutex};

/// What becomes of a spout's tuples.
#[derive(Debug)]
pub(crate) enum News {
    /// One tuple has failed; its flight may still be under way.
    Failed { id: u64, autopsy: Arc<Autopsy> },
    /// Nothing of the flight is left anywhere: all of `ids` but the `failed` ones are good.
    Landed { ids: Ids, failed: Vec<Root>, born: Nanos },
}

/// The letter box of one spout task. Bounded by the task's pending tuples, as each posts two letters at most.
#[derive(Debug)]
pub(crate) struct Home {
    news: Mutex<Vec<News>>,
    /// Spares the reader the lock when there is nothing.
    len: AtomicUsize,
    /// The spout's.
    site: Arc<Site>,
    /// How its ids tell positions, if they do.
    pub(crate) positions: Option<fn(u64) -> Position>,
    abandoned: OnceLock<Abandoned>,
}

/// Nobody comes for the news any more, although the spout lives on.
#[derive(Debug)]
struct Abandoned {
    why: String,
    /// Good tuples that get an autopsy at most.
    autopsies_max: usize,
}

impl Home {
    pub(crate) fn new(site: &Arc<Site>) -> Self {
        Self {
            news: Mutex::default(),
            len: AtomicUsize::new(0),
            site: Arc::clone(site),
            positions: None,
            abandoned: OnceLock::new(),
        }
    }

    /// The same, of a spout whose ids tell positions.
    pub(crate) fn of_source(site: &Arc<Site>, positions: Option<fn(u64) -> Position>) -> Self {
        let mut home = Self::new(site);
        home.positions = positions;
        home
    }

    /// The tuples count as failed from now on, whatever is made of them, and so many of the good ones at most are told of one by one.
    pub(crate) fn abandon(&self, why: String, autopsies_max: usize) {
        let _first = self.abandoned.set(Abandoned { why, autopsies_max });
    }

    pub(crate) fn site(&self) -> &Arc<Site> {
        &self.site
    }

    pub(crate) fn post(&self, news: News) {
        let mut letters = unpoisoned(&self.news);
        letters.push(news);
        self.len.store(letters.len(), Ordering::Release);
        drop(letters);
        self.site.wake.notify();
    }

    /// Moves all news to the end of `into`, in the order they came.
    pub(crate) fn collect(&self, into: &mut Vec<News>) {
        if self.len.load(Ordering::Acquire) > 0 {
            let mut letters = unpoisoned(&self.news);
            into.append(&mut letters);
            self.len.store(0, Ordering::Release);
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The spout is gone and nobody hears of these any more, but why they failed is to be found.
        let news = std::mem::take(&mut *unpoisoned(&self.news));
        for news in news {
            match (news, self.abandoned.get_mut()) {
                (News::Failed { id, autopsy }, _) => {
                    let spout = self.site.name().to_owned();
                    self.site.books.keep(Autopsy { spout, id: Some(id), ..Autopsy::clone(&autopsy) });
                }
                (News::Landed { ids, mut failed, .. }, Some(Abandoned { why, autopsies_max })) => {
                    failed.sort_unstable();
                    for (_, id) in ids.good(&failed).take(*autopsies_max) {
                        self.site.books.keep(Autopsy { id: Some(id), ..self.site.own_autopsy(why.clone()) });
                        *autopsies_max -= 1;
                    }
                }
                (News::Landed { .. }, None) => {}
            }
        }
    }
}

//! What becomes of a spout's tuples, and what the spout is told of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::SpoutTask;
use crate::clock::{Nanos, millis};
use crate::component::dead_letter::DeadLetter;
use crate::component::spout::Spout;
use crate::failure::{Autopsy, Failure, FailureKind};
use crate::flow::flight::{Ids, Root};
use crate::flow::home::{Home, News};
use crate::flow::lineage::Position;
use crate::flow::progress::{Leftover, Place};
use crate::retry::Verdict;

impl<S: Spout> SpoutTask<S> {
    /// After a panic the spout starts anew: what is out belongs to the old instance, and nobody hears of it any more.
    #[cold]
    pub(super) fn lost(&mut self, failure: &Failure) {
        let lost = self.pending as u64;
        if lost > 0 {
            let why = format!("{lost} tuples were out when their spout was lost: {failure}");
            self.site.books.keep(self.site.own_autopsy(why));
            let mut waiting: Vec<u64> = self.out.waiting().collect();
            waiting.sort_unstable();
            let autopsies_max = self.site.books.lost_autopsies_max();
            waiting.truncate(autopsies_max);
            for id in &waiting {
                let why = format!("it waited for others of its key when its spout was lost: {failure}");
                self.site.books.keep(Autopsy { id: Some(*id), ..self.site.own_autopsy(why) });
            }
            // Those in flight are told of when they land; those that wait for their retry have been told of.
            let why = format!("it is done, and its spout was lost before it heard of it: {failure}");
            self.home.abandon(why, autopsies_max - waiting.len());
            self.site.own.failed.fetch_add(lost, Ordering::Relaxed);
            self.site.own.given_up.fetch_add(lost, Ordering::Relaxed);
        }
        self.home = Arc::new(Home::of_source(&self.site, S::positions()));
        self.retries.clear();
        self.deadlines.clear();
        self.pending = 0;
        self.exhausted = false;
        self.attend_from = 0;
        self.condemned.clear();
        self.out.discard();
        self.back_off(self.site.clock.now());
    }

    pub(super) fn hear(&mut self, now: Nanos) -> bool {
        let mut news = std::mem::take(&mut self.news);
        self.home.collect(&mut news);
        let any = !news.is_empty();
        let home = Arc::clone(&self.home);
        for item in news.drain(..) {
            // The rest is about an instance that has just been lost.
            if !Arc::ptr_eq(&home, &self.home) {
                home.post(item);
                continue;
            }
            match item {
                News::Landed { ids, failed, born } => self.landed(&ids, failed, now.saturating_sub(born)),
                News::Failed { id, autopsy } => self.failed(id, &autopsy, now),
            }
        }
        news.clear();
        self.news = news;
        any
    }

    fn landed(&mut self, ids: &Ids, mut failed: Vec<Root>, took: Nanos) {
        failed.sort_unstable();
        let Self { life, site, retries, out, condemned, .. } = self;
        let is_plain = failed.is_empty() && retries.is_empty() && condemned.is_empty() && !out.has_order();
        let (mut told, mut buried) = (0, 0);
        let done = life.call(site, |spout| {
            if is_plain {
                for id in ids.iter() {
                    spout.ack(id);
                    told += 1;
                }
                return;
            }
            for (_, id) in ids.good(&failed) {
                retries.forget(id);
                out.done(id);
                match condemned.remove(&id) {
                    None => spout.ack(id),
                    Some(autopsy) => {
                        spout.exhausted(id, &autopsy);
                        buried += 1;
                    }
                }
                told += 1;
            }
        });
        if let Some(Err(failure)) = done {
            let heard: Vec<Root> = ids.good(&failed).map(|(root, _)| root).take(told).collect();
            failed.extend(heard);
            self.ended(told, buried, took);
            self.home.post(News::Landed { ids: ids.clone(), failed, born: 0 });
            self.lost(&failure);
            return;
        }
        self.ended(ids.len() - failed.len(), buried, took);
        if let Some(position) = self.floors {
            self.raise_floors(ids, position);
        }
    }

    /// So many tuples of a flight are done, `buried` ones among them.
    fn ended(&mut self, count: usize, buried: usize, took: Nanos) {
        self.pending = self.pending.saturating_sub(count);
        self.site.own.given_up.fetch_add(buried as u64, Ordering::Relaxed);
        let acked = (count - buried) as u64;
        if acked > 0 {
            self.site.own.acked.fetch_add(acked, Ordering::Relaxed);
            self.site.own.complete.record(took, acked);
        }
    }

    /// Tells exactly-once bolts what they may forget.
    fn raise_floors(&mut self, ids: &Ids, position: fn(u64) -> Position) {
        let mut last = None;
        for partition in ids.iter().map(|id| position(id).partition) {
            if last.replace(partition) != Some(partition) {
                match self.life.call(&self.site, |spout| spout.replay_from(partition)) {
                    Some(Ok(floor)) => self.site.books.floors.raise(self.site.component, partition, floor),
                    Some(Err(failure)) => return self.lost(&failure),
                    None => return,
                }
            }
        }
    }

    #[cold]
    fn failed(&mut self, id: u64, autopsy: &Autopsy, now: Nanos) {
        let is_letter = self.condemned.contains_key(&id);
        let (attempt, verdict) = if is_letter && autopsy.kind == FailureKind::Retry {
            (self.retries.again(id, now, &mut self.rng), Verdict::Retry)
        } else {
            self.retries.failed(id, autopsy.kind, now, &mut self.rng)
        };
        let spout = self.site.name().to_owned();
        let autopsy = Autopsy { spout, id: Some(id), attempt, ..autopsy.clone() };
        self.site.own.failed.fetch_add(1, Ordering::Relaxed);
        self.site.books.keep(autopsy.clone());
        let told = self.call(|spout, _| spout.fail(id, &autopsy));
        if verdict == Verdict::GiveUp && told.is_some() {
            self.condemn(id, autopsy, now);
        }
    }

    /// There is no further attempt. If somebody reads dead letters, the tuple ends with its letter, and otherwise now.
    fn condemn(&mut self, id: u64, autopsy: Autopsy, now: Nanos) {
        let Autopsy { spout, attempt, reason, .. } = &autopsy;
        tracing::warn!(spout, id, attempt, "given up after its last attempt: {reason}");
        let before = self.condemned.remove(&id);
        if self.has_letters && before.is_none() {
            self.condemned.insert(id, autopsy);
            self.retries.put_off(id, now);
        } else {
            let autopsy = before.unwrap_or(autopsy);
            self.give_up(id);
            self.call(|spout, _| spout.exhausted(id, &autopsy));
        }
    }

    /// Sends the failed tuples whose time has come, in a flight of their own.
    pub(super) fn replay(&mut self, now: Nanos) -> bool {
        if now < self.replay_from {
            return false;
        }
        let mut any = false;
        for _ in 0..self.batch_count_max {
            let Some(id) = self.retries.pop_due(now) else {
                break;
            };
            match self.call(|spout, _| spout.replay(id)) {
                Some(Ok(item)) => {
                    any = true;
                    self.unready = 0;
                    match item {
                        Some(item) => match self.condemned.get(&id).cloned() {
                            Some(autopsy) => self.out.emit_dead_letter(id, DeadLetter { item, autopsy }),
                            None => self.out.emit(id, item),
                        },
                        None => self.gone(id),
                    }
                }
                Some(Err(failure)) => {
                    self.put_off(id, &failure, now);
                    break;
                }
                None => return true,
            }
        }
        if any {
            self.take_off(now, 0);
        }
        any
    }

    /// Fails what has been out for too long. True if there was anything.
    pub(super) fn time_out(&mut self, now: Nanos) -> bool {
        let mut any = false;
        let home = Arc::clone(&self.home);
        while let Some((ids, Leftover { late, held })) = self.deadlines.expire(now) {
            let autopsy = |place: &Place| Arc::new(self.deadlines.autopsy(&self.site.books, place, now));
            let late: Vec<_> = late.iter().map(|(root, place)| (*root, autopsy(place))).collect();
            for (holder, at, place) in held {
                holder.expire_one(at, &autopsy(&place));
            }
            any |= !late.is_empty();
            for (root, autopsy) in late {
                // The rest is about an instance that has just been lost.
                if let Some(id) = ids.get(root as usize).filter(|_| Arc::ptr_eq(&home, &self.home)) {
                    self.failed(id, &autopsy, now);
                }
            }
        }
        any
    }

    /// A failed tuple that the spout cannot give again is given up: its failures are in the books already, this is why there is no more.
    #[cold]
    fn gone(&mut self, id: u64) {
        let attempts = self.retries.forget(id);
        let why = "it is gone from the spout, which cannot give it again".to_owned();
        let own = self.site.own_autopsy(why);
        let autopsy = Autopsy { id: Some(id), attempt: attempts, kind: FailureKind::Reject, ..own };
        self.site.error(&format!("tuple {id} failed and is gone from the spout"));
        self.site.books.keep(autopsy);
        self.condemned.remove(&id);
        self.give_up(id);
    }

    /// A tuple ends without being good.
    fn give_up(&mut self, id: u64) {
        self.out.done(id);
        self.pending = self.pending.saturating_sub(1);
        self.site.own.given_up.fetch_add(1, Ordering::Relaxed);
    }

    /// What keeps the spout from giving one tuple again keeps it from others too: all wait.
    #[cold]
    fn put_off(&mut self, id: u64, failure: &Failure, now: Nanos) {
        self.site.trouble(Some("replay"), failure);
        self.unready = self.unready.saturating_add(1);
        let wait = self.backoff.wait(self.unready, &mut self.rng).max(millis(1));
        self.replay_from = now.saturating_add(wait);
        self.retries.put_off(id, self.replay_from);
    }
}

//! What is remembered for a while: a bounded store whose entries fall when their time is over, by the
//! injected clock.

use std::{
    borrow::Borrow,
    convert::Infallible,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use keyway_model::{Clock, Timestamp};
use quick_cache::{UnitWeighter, sync::Cache};

/// How many entries a store is laid out for. It bounds nothing, and nothing is reserved for them.
const FEW: usize = 1000;

/// Entries by key. Clones are the same store.
pub struct Kept<K, V> {
    entries: Arc<Cache<K, Arc<Entry<V>>>>,
    clock: Clock,
    /// How long an entry is kept.
    time: Duration,
    /// Whether that counts from its last use; else from when it was put in.
    since_use: bool,
}

struct Entry<V> {
    value: V,
    /// From when its time counts, in milliseconds since the epoch.
    since: AtomicI64,
}

/// A store of about `most` entries; then those that are used least make room.
pub(crate) fn bounded<K: Eq + Hash, V: Clone>(most: u64) -> Cache<K, V> {
    Cache::with_weighter(FEW, most, UnitWeighter)
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    /// Keeps each entry for `time` after it was put in.
    pub fn since_made(clock: &Clock, most: u64, time: Duration) -> Self {
        let entries = Arc::new(bounded(most));
        Self { entries, clock: clock.clone(), time, since_use: false }
    }

    /// Keeps each entry for `time` after it was last used.
    pub fn since_used(clock: &Clock, most: u64, time: Duration) -> Self {
        Self { since_use: true, ..Self::since_made(clock, most, time) }
    }

    /// What is kept under the key.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let now = self.clock.now();
        let entry = self.entries.get(key).filter(|entry| !self.is_over(entry, now))?;
        if self.since_use {
            entry.since.store(now.as_millis(), Ordering::Relaxed);
        }
        Some(entry.value.clone())
    }

    /// What is kept under the key, or is from now on.
    pub fn get_or_insert_with(&self, key: &K, make: impl FnOnce() -> V) -> V
    where
        K: Clone,
    {
        if let Some(value) = self.get(key) {
            return value;
        }
        let now = self.clock.now();
        self.entries.remove_if(key, |entry| self.is_over(entry, now));
        let entry =
            self.entries.get_or_insert_with(key, || Ok::<_, Infallible>(self.entry(make())));
        let Ok(entry) = entry;
        entry.value.clone()
    }

    /// Keeps the value under the key, in place of what was.
    pub fn insert(&self, key: K, value: V) {
        self.entries.insert(key, self.entry(value));
    }

    /// Forgets what is kept under the key, and hands it out.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let now = self.clock.now();
        let (_, entry) = self.entries.remove(key)?;
        (!self.is_over(&entry, now)).then(|| entry.value.clone())
    }

    /// Drops the entries whose time is over. They count for nothing before that, but are still in memory.
    pub fn drop_old(&self) {
        let now = self.clock.now();
        self.entries.retain(|_, entry| !self.is_over(entry, now));
    }

    fn entry(&self, value: V) -> Arc<Entry<V>> {
        Arc::new(Entry { value, since: AtomicI64::new(self.clock.now().as_millis()) })
    }

    fn is_over(&self, entry: &Entry<V>, now: Timestamp) -> bool {
        let since = Timestamp::from_millis(entry.since.load(Ordering::Relaxed));
        now >= since.plus(self.time)
    }
}

impl<K, V> Clone for Kept<K, V> {
    fn clone(&self) -> Self {
        let Self { entries, clock, time, since_use } = self;
        Self { entries: entries.clone(), clock: clock.clone(), time: *time, since_use: *since_use }
    }
}

#[cfg(test)]
mod tests {
    use keyway_model::ManualClock;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn clock() -> (Clock, ManualClock) {
        Clock::manual(Timestamp::from_millis(0))
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_falls() {
        let (clock, moved) = clock();
        let kept = Kept::since_used(&clock, 10, MINUTE);
        kept.insert(1, "one");
        moved.advance(MINUTE / 2);
        assert_eq!(kept.get(&1), Some("one"));
        moved.advance(MINUTE / 2);
        assert_eq!(kept.get(&1), Some("one"), "it was used half a minute ago");
        moved.advance(MINUTE);
        assert_eq!(kept.get(&1), None);
    }

    #[test]
    fn what_is_kept_for_a_time_falls_though_it_is_used() {
        let (clock, moved) = clock();
        let kept = Kept::since_made(&clock, 10, MINUTE);
        kept.insert(1, "one");
        moved.advance(MINUTE / 2);
        assert_eq!(kept.get(&1), Some("one"));
        moved.advance(MINUTE / 2);
        assert_eq!(kept.get(&1), None);
        assert_eq!(kept.remove(&1), None, "nor is it handed out");
    }

    #[test]
    fn what_has_fallen_is_made_anew() {
        let (clock, moved) = clock();
        let kept = Kept::since_used(&clock, 10, MINUTE);
        assert_eq!(kept.get_or_insert_with(&1, || "one"), "one");
        assert_eq!(kept.get_or_insert_with(&1, || "two"), "one");
        moved.advance(MINUTE);
        assert_eq!(kept.get_or_insert_with(&1, || "two"), "two");
    }

    #[test]
    fn what_has_fallen_is_dropped() {
        let (clock, moved) = clock();
        let kept = Kept::since_used(&clock, 10, MINUTE);
        let (old, new) = (Arc::new(()), Arc::new(()));
        kept.insert(1, old.clone());
        moved.advance(MINUTE);
        kept.insert(2, new.clone());
        kept.drop_old();
        assert_eq!((Arc::strong_count(&old), Arc::strong_count(&new)), (1, 2));
    }

    #[test]
    fn there_is_a_bound() {
        let (clock, _) = clock();
        let kept = Kept::since_used(&clock, 100, MINUTE);
        (0..1000).for_each(|number| kept.insert(number, number));
        assert!((0..1000).filter_map(|number| kept.get(&number)).count() <= 128);
    }
}

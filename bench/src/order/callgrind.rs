//! What callgrind writes of a run: which function called which, and how often.

use std::collections::{BTreeMap, BTreeSet};

/// How often each function was called, and by whom.
#[derive(Default)]
pub(super) struct Profile {
    calls: BTreeMap<String, u64>,
    /// Whom each function calls, in the order of its text.
    callees: BTreeMap<String, Vec<String>>,
    /// The functions that were called so often that they belong to a call.
    hot: BTreeSet<String>,
}

impl Profile {
    /// Reads a file of callgrind, whose names are neither compressed nor demangled.
    pub(super) fn read(text: &str) -> Self {
        let mut profile = Self::default();
        let (mut function, mut called) = ("", "");
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                function = plain(name);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                called = plain(name);
            } else if let Some(calls) = line.strip_prefix("calls=") {
                let calls = calls.split(' ').next().and_then(|calls| calls.parse().ok());
                *profile.calls.entry(called.to_owned()).or_default() += calls.unwrap_or(0);
                let callees = profile.callees.entry(function.to_owned()).or_default();
                if !callees.iter().any(|known| known == called) {
                    callees.push(called.to_owned());
                }
            }
        }
        profile
    }

    /// The same, of whose functions those are hot that were called so much more often than in the other.
    pub(super) fn beyond(&self, other: &Self, least: u64) -> Self {
        let more = |(name, calls): &(&String, &u64)| {
            calls.saturating_sub(other.calls.get(*name).copied().unwrap_or(0)) >= least
        };
        let hot = self.calls.iter().filter(more).map(|(name, _)| name.clone()).collect();
        Self { calls: BTreeMap::new(), callees: self.callees.clone(), hot }
    }

    /// Adds what is hot in another one.
    pub(super) fn add(&mut self, other: Self) {
        for (caller, callees) in other.callees {
            let known = self.callees.entry(caller).or_default();
            let new: Vec<_> = callees.into_iter().filter(|name| !known.contains(name)).collect();
            known.extend(new);
        }
        self.hot.extend(other.hot);
    }

    /// The hot functions, each followed by those that it calls.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &str> {
        let called: BTreeSet<&String> = self.callees.values().flatten().collect();
        let begin = self.callees.keys().filter(|name| !called.contains(name));
        // Those that only call themselves in a circle have no beginning.
        let mut open: Vec<&str> = begin.chain(self.hot.iter()).rev().map(String::as_str).collect();
        let mut passed = BTreeSet::new();
        std::iter::from_fn(move || {
            while let Some(name) = open.pop() {
                if passed.insert(name) {
                    let callees = self.callees.get(name).into_iter().flatten().rev();
                    open.extend(callees.map(String::as_str));
                    if self.hot.contains(name) {
                        return Some(name);
                    }
                }
            }
            None
        })
    }
}

/// A name without the mark of how deep a function is in itself.
fn plain(name: &str) -> &str {
    match name.rsplit_once('\'') {
        Some((name, depth)) if depth.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => name,
    }
}

/// A function of Rust's (v0 mangling) as a pattern for the linker: whatever compiler, features and settings its
/// crates' hashes are of. `None` for any other function.
pub(super) fn pattern(name: &str) -> Option<String> {
    const CRATE: &str = "Cs";
    let name = name.split(".llvm.").next().filter(|name| name.starts_with("_R"))?;
    let mut pieces = name.split(CRATE);
    let mut pattern = pieces.next()?.to_owned();
    for piece in pieces {
        pattern.push_str(CRATE);
        match piece.split_once('_') {
            Some((hash, rest))
                if is_hash(hash) && rest.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                pattern.extend(["*_", rest]);
            }
            _ => pattern.push_str(piece),
        }
    }
    Some(pattern)
}

/// 64 bits in base 62.
fn is_hash(text: &str) -> bool {
    (6..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "fn=main\n0x1 1 5\ncfn=serve\ncalls=1 0x2\n0x1 1 90\n\
                        fn=serve\n0x2 2 7\ncfn=answer\ncalls=50 0x4\n0x2 2 9\ncfn=read\ncalls=52 0x3\n0x2 2 9\n\
                        fn=answer\n0x4 4 1\ncfn=answer'2\ncalls=50 0x4\n0x4 4 1\n";

    fn hot(text: &str, beyond: &str) -> Vec<String> {
        let profile = Profile::read(text).beyond(&Profile::read(beyond), 25);
        profile.in_order().map(str::to_owned).collect()
    }

    #[test]
    fn what_calls_run_through_follows_its_caller() {
        assert_eq!(hot(FILE, ""), ["answer", "read"]);
    }

    #[test]
    fn what_a_start_runs_through_as_often_is_not_of_a_call() {
        assert_eq!(hot(FILE, "fn=main\ncfn=read\ncalls=50 0x3\n0x1 1 1\n"), ["answer"]);
    }

    #[test]
    fn functions_that_call_each_other_are_there_once() {
        let circle = "fn=a\ncfn=b\ncalls=50 0x1\n0x1 1 1\nfn=b\ncfn=a\ncalls=50 0x1\n0x1 1 1\n";
        assert_eq!(hot(circle, ""), ["a", "b"]);
    }

    #[test]
    fn profiles_are_added() {
        let mut whole = Profile::default();
        whole.add(Profile::read(FILE).beyond(&Profile::default(), 51));
        whole.add(Profile::read(FILE).beyond(&Profile::default(), 100));
        assert_eq!(whole.in_order().collect::<Vec<_>>(), ["answer", "read"]);
    }

    #[test]
    fn a_pattern_holds_whatever_the_hashes_of_the_crates_are() {
        let name = "_RNvMs_NtNtCs808jcoOn9z1_5hyper6common4dateNtB4_10CachedDate6updateCs1bg89SGXcN1_4serv.llvm.42";
        let pattern = pattern(name);
        assert_eq!(
            pattern.as_deref(),
            Some("_RNvMs_NtNtCs*_5hyper6common4dateNtB4_10CachedDate6updateCs*_4serv")
        );
    }

    #[test]
    fn a_word_that_looks_like_the_beginning_of_a_hash_stays() {
        assert_eq!(pattern("_RNvC4host6toCs_4x").as_deref(), Some("_RNvC4host6toCs_4x"));
        assert_eq!(pattern("memcpy"), None);
    }
}

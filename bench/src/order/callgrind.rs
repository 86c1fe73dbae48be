//! What callgrind writes of a run: which function called which, how often, and which are the binary's own.

use std::collections::{BTreeMap, BTreeSet};

/// What valgrind takes code for that is in a section of its own name, as where the binary is in order already.
const UNKNOWN: &str = "???";

/// How often each function was called, and by whom.
#[derive(Default)]
pub(super) struct Profile {
    calls: BTreeMap<String, u64>,
    /// Whom each function calls, in the order of its text.
    callees: BTreeMap<String, Vec<String>>,
    /// The functions that are in the binary, and not in a library of the system.
    own: BTreeSet<String>,
    /// Those of them that were called so often that they belong to a call.
    hot: BTreeSet<String>,
}

impl Profile {
    /// Reads a file of callgrind, whose names are neither compressed nor demangled, about this binary.
    pub(super) fn read(text: &str, binary: &str) -> Self {
        let mut profile = Self::default();
        let (mut object, mut function, mut called) = ("", "", "");
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("ob=") {
                object = name;
            } else if let Some(name) = line.strip_prefix("fn=") {
                function = plain(name);
                if (object == binary || object == UNKNOWN) && is_symbol(function) {
                    profile.own.insert(function.to_owned());
                }
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
        let hot = self.calls.iter().filter(more).map(|(name, _)| name);
        let hot = hot.filter(|name| self.own.contains(*name)).cloned().collect();
        Self { calls: BTreeMap::new(), callees: self.callees.clone(), own: self.own.clone(), hot }
    }

    /// Adds what ran in another one.
    pub(super) fn add(&mut self, other: Self) {
        for (caller, callees) in other.callees {
            let known = self.callees.entry(caller).or_default();
            let new: Vec<_> = callees.into_iter().filter(|name| !known.contains(name)).collect();
            known.extend(new);
        }
        self.own.extend(other.own);
        self.hot.extend(other.hot);
    }

    /// The functions of a call, each followed by those that it calls.
    pub(super) fn of_calls(&self) -> impl Iterator<Item = &str> {
        self.in_order().filter(|name| self.hot.contains(*name))
    }

    /// All others that ran, in the same order.
    pub(super) fn of_the_rest(&self) -> impl Iterator<Item = &str> {
        self.in_order().filter(|name| !self.hot.contains(*name))
    }

    /// The binary's own functions, each followed by those that it calls.
    fn in_order(&self) -> impl Iterator<Item = &str> {
        let called: BTreeSet<&String> = self.callees.values().flatten().collect();
        let begin = self.callees.keys().filter(|name| !called.contains(name));
        // Those that only call themselves in a circle have no beginning.
        let mut open: Vec<&str> = begin.chain(self.own.iter()).rev().map(String::as_str).collect();
        let mut passed = BTreeSet::new();
        std::iter::from_fn(move || {
            while let Some(name) = open.pop() {
                if passed.insert(name) {
                    let callees = self.callees.get(name).into_iter().flatten().rev();
                    open.extend(callees.map(String::as_str));
                    if self.own.contains(name) {
                        return Some(name);
                    }
                }
            }
            None
        })
    }
}

/// Whether it is a name and no address.
fn is_symbol(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.$".contains(&byte))
}

/// A name without the mark of how deep a function is in itself.
fn plain(name: &str) -> &str {
    match name.rsplit_once('\'') {
        Some((name, depth)) if depth.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => name,
    }
}

/// A function as a pattern for the linker. One of Rust's (v0 mangling) fits whatever compiler, features and settings
/// the hashes of its crates are of.
pub(super) fn pattern(name: &str) -> String {
    const CRATE: &str = "Cs";
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    let name = name.split_once(".llvm.").map_or(name, |(name, _)| name);
    let mut pieces = name.split(CRATE);
    let mut pattern = pieces.next().unwrap_or_default().to_owned();
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
    pattern
}

/// 64 bits in base 62.
fn is_hash(text: &str) -> bool {
    (6..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "ob=/keyway\nfn=main\n0x1 1 5\ncfn=serve\ncalls=1 0x2\n0x1 1 90\n\
                        fn=serve\n0x2 2 7\ncfn=answer\ncalls=50 0x4\n0x2 2 9\ncfn=read\ncalls=52 0x3\n0x2 2 9\n\
                        fn=answer\n0x4 4 1\ncfn=answer'2\ncalls=50 0x4\n0x4 4 1\n\
                        cob=/libc\ncfn=malloc\ncalls=50 0x1\n0x4 4 1\n\
                        ob=???\nfn=read\n0x3 3 1\nfn=0x42\n0x1 1 1\nob=/libc\nfn=malloc\n0x1 1 1\n";

    fn read(text: &str) -> Profile {
        Profile::read(text, "/keyway")
    }

    fn of_calls(text: &str, beyond: &str) -> Vec<String> {
        read(text).beyond(&read(beyond), 25).of_calls().map(str::to_owned).collect()
    }

    #[test]
    fn what_calls_run_through_follows_its_caller() {
        assert_eq!(of_calls(FILE, ""), ["answer", "read"]);
    }

    #[test]
    fn what_ran_besides_is_of_the_rest_and_libraries_are_of_neither() {
        let profile = read(FILE).beyond(&Profile::default(), 25);
        assert_eq!(profile.of_the_rest().collect::<Vec<_>>(), ["main", "serve"]);
    }

    #[test]
    fn what_a_start_runs_through_as_often_is_not_of_a_call() {
        assert_eq!(of_calls(FILE, "fn=main\ncfn=read\ncalls=50 0x3\n0x1 1 1\n"), ["answer"]);
    }

    #[test]
    fn functions_that_call_each_other_are_there_once() {
        let circle =
            "ob=/keyway\nfn=a\ncfn=b\ncalls=50 0x1\n0x1 1 1\nfn=b\ncfn=a\ncalls=50 0x1\n0x1 1 1\n";
        assert_eq!(of_calls(circle, ""), ["a", "b"]);
    }

    #[test]
    fn profiles_are_added() {
        let mut whole = Profile::default();
        whole.add(read(FILE).beyond(&Profile::default(), 51));
        whole.add(read(FILE).beyond(&Profile::default(), 100));
        assert_eq!(whole.of_calls().collect::<Vec<_>>(), ["answer", "read"]);
    }

    #[test]
    fn a_pattern_holds_whatever_the_hashes_of_the_crates_are() {
        let name = "_RNvMs_NtNtCs808jcoOn9z1_5hyper6common4dateNtB4_10CachedDate6updateCs1bg89SGXcN1_4serv.llvm.42";
        assert_eq!(
            pattern(name),
            "_RNvMs_NtNtCs*_5hyper6common4dateNtB4_10CachedDate6updateCs*_4serv"
        );
    }

    #[test]
    fn a_word_that_looks_like_the_beginning_of_a_hash_stays() {
        assert_eq!(pattern("_RNvC4host6toCs_4x"), "_RNvC4host6toCs_4x");
        assert_eq!(pattern("sqlite3Cs123456_7"), "sqlite3Cs123456_7");
    }
}

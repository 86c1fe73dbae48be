//! The connections to each origin that wait for their next request.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{
    HeaderValue, Uri,
    uri::{Authority, Parts, PathAndQuery, Scheme},
};
use tokio::{sync::oneshot, time::Instant};

use super::{http1::Http1, http2::Http2};

/// How many HTTP/1.1 connections to one origin wait at most: where more are called over at once, some are made anew
/// with every burst.
const MOST_IDLE: usize = 256;
/// How often the pool looks for connections that are over: this often in the time for which one is kept, and
/// at least every five seconds.
const LOOKS: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The origins that are called, each with its connections.
pub(super) struct Pool {
    origins: Mutex<HashMap<(Scheme, Authority), Arc<Origin>>>,
    /// How long a connection waits for its next request.
    idle: Duration,
    open: Arc<Tally>,
    is_watched: AtomicBool,
}

/// Counts the connections that are open.
#[derive(Default)]
struct Tally(AtomicUsize);

/// One connection that is open, until it is dropped.
pub(super) struct Counted(Arc<Tally>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Pool {
    /// A pool that keeps a connection for `idle`.
    pub(super) fn new(idle: Duration) -> Arc<Self> {
        let (origins, open, is_watched) = Default::default();
        Arc::new(Self { origins, idle, open, is_watched })
    }

    /// The way to a URL; `None` where it is not absolute.
    pub(super) fn route(&self, uri: Uri) -> Option<Route> {
        let key = (uri.scheme()?.clone(), uri.authority()?.clone());
        let path = uri.path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut origins = self.origins();
        let origin = if let Some(origin) = origins.get(&key) {
            origin.clone()
        } else {
            let origin = Arc::new(Origin::new(&key, self.idle)?);
            origins.entry(key).or_insert(origin).clone()
        };
        Some(Route { origin, uri, path: path.into() })
    }

    /// Counts a connection in; it holds what is given.
    pub(super) fn count(&self) -> Counted {
        self.open.0.fetch_add(1, Ordering::SeqCst);
        Counted(self.open.clone())
    }

    /// From now on drops the connections that are over, as long as there are any.
    pub(super) fn watch(self: &Arc<Self>) {
        if !self.is_watched.swap(true, Ordering::SeqCst) {
            let pause = (self.idle / LOOKS).min(LONGEST_PAUSE);
            tokio::spawn(look_again(Arc::downgrade(self), pause));
        }
    }

    /// Closes the connections that waited for too long or have ended, and forgets the origins that nobody knows
    /// any more. Says whether it is to be done again.
    fn look(&self) -> bool {
        let origins: Vec<_> = self.origins().values().cloned().collect();
        for origin in &origins {
            origin.close_old();
        }
        drop(origins);
        self.origins().retain(|_, origin| Arc::strong_count(origin) > 1 || origin.is_connected());
        if self.is_connected() {
            return true;
        }
        // One that was made just now found somebody watching.
        self.is_watched.store(false, Ordering::SeqCst);
        self.is_connected() && !self.is_watched.swap(true, Ordering::SeqCst)
    }

    fn is_connected(&self) -> bool {
        self.open.0.load(Ordering::SeqCst) > 0
    }

    fn origins(&self) -> MutexGuard<'_, HashMap<(Scheme, Authority), Arc<Origin>>> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn look_again(pool: Weak<Pool>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        if !pool.upgrade().is_some_and(|pool| pool.look()) {
            break;
        }
    }
}

/// Where a request goes.
#[derive(Clone)]
pub(super) struct Route {
    /// Whose connections it takes.
    pub(super) origin: Arc<Origin>,
    /// The URL, as HTTP/2 has it.
    pub(super) uri: Uri,
    /// The same without its origin, as HTTP/1.1 has it (RFC 9112 §3.2.1).
    pub(super) path: Uri,
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.uri == other.uri
    }
}

impl Eq for Route {}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Route").field(&self.uri).finish()
    }
}

/// One scheme, host and port, and the connections there.
pub(super) struct Origin {
    /// The URL of its root.
    pub(super) uri: Uri,
    /// The value of `Host` (RFC 9110 §7.2).
    pub(super) host: HeaderValue,
    /// Held while a connection is made where the server is known to speak HTTP/2, and one is enough for all.
    pub(super) connecting: tokio::sync::Mutex<()>,
    /// How long a connection waits for its next request.
    idle: Duration,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// The last that was used is taken first.
    idle: Vec<Idle>,
    /// Who takes the next connection that is given back, the first first.
    waiting: VecDeque<oneshot::Sender<Box<Http1>>>,
    /// With the time until which it is kept.
    http2: Option<(Http2, Instant)>,
    speaks_http2: bool,
}

struct Idle {
    http1: Box<Http1>,
    /// Until when it is kept.
    until: Instant,
}

/// What the next request is sent over.
pub(super) enum Connection {
    /// It is alone there.
    Http1(Box<Http1>),
    /// There are others.
    Http2(Http2),
}

impl Origin {
    fn new((scheme, authority): &(Scheme, Authority), idle: Duration) -> Option<Self> {
        let mut parts = Parts::default();
        parts.scheme = Some(scheme.clone());
        parts.authority = Some(authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        let own_port = if *scheme == Scheme::HTTPS { 443 } else { 80 };
        let port = authority.port_u16().filter(|port| *port != own_port);
        let host = match port {
            Some(port) => HeaderValue::try_from(format!("{}:{port}", authority.host())),
            None => HeaderValue::from_str(authority.host()),
        };
        let (uri, host) = (Uri::from_parts(parts).ok()?, host.ok()?);
        let (connecting, held) = Default::default();
        Some(Self { uri, host, connecting, idle, held })
    }

    /// A connection that waits for a request, or one that is given back to the caller who waits for it.
    pub(super) fn take(&self) -> Result<Connection, oneshot::Receiver<Box<Http1>>> {
        let now = Instant::now();
        let mut held = self.held();
        if let Some(http2) = held.http2(now + self.idle) {
            return Ok(Connection::Http2(http2));
        }
        // The last has the longest to live, unless the server gave it less: what is over is closed by and by.
        if let Some(last) = held.idle.iter().rposition(|idle| now < idle.until) {
            return Ok(Connection::Http1(held.idle.remove(last).http1));
        }
        let (waiting, given_back) = oneshot::channel();
        held.waiting.push_back(waiting);
        Err(given_back)
    }

    /// Takes a connection back that is ready for its next request.
    pub(super) fn give_back(&self, mut http1: Box<Http1>) {
        let keep = http1.usable_for().map_or(self.idle, |time| time.min(self.idle));
        http1.rest();
        let mut held = self.held();
        while let Some(waiting) = held.waiting.pop_front() {
            match waiting.send(http1) {
                Ok(()) => return,
                Err(returned) => http1 = returned,
            }
        }
        if held.idle.len() < MOST_IDLE && !keep.is_zero() {
            held.idle.push(Idle { http1, until: Instant::now() + keep });
            return;
        }
        drop(held);
        http1.close();
    }

    /// Whether the last connection that was to be made here speaks HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        self.held().speaks_http2
    }

    /// Notes what became of the last connection that was to be made.
    pub(super) fn note_http2(&self, speaks_http2: bool) {
        self.held().speaks_http2 = speaks_http2;
    }

    /// The HTTP/2 connection, where there is one.
    pub(super) fn http2(&self) -> Option<Http2> {
        self.held().http2(Instant::now() + self.idle)
    }

    /// Keeps an HTTP/2 connection for all, and gives the one that is to be used: another was faster, or it is this.
    pub(super) fn share(&self, http2: Http2) -> Http2 {
        let until = Instant::now() + self.idle;
        let mut held = self.held();
        held.http2(until).unwrap_or_else(|| {
            held.http2 = Some((http2.clone(), until));
            http2
        })
    }

    /// Closes the connections that waited for too long or have ended.
    fn close_old(&self) {
        let now = Instant::now();
        let mut held = self.held();
        let is_old = |idle: &mut Idle| now >= idle.until || !idle.http1.is_open();
        let old: Vec<Idle> = held.idle.extract_if(.., is_old).collect();
        held.waiting.retain(|waiting| !waiting.is_closed());
        held.http2.take_if(|(http2, until)| now >= *until || http2.is_closed());
        drop(held);
        for idle in old {
            idle.http1.close();
        }
    }

    /// Whether a connection waits here.
    fn is_connected(&self) -> bool {
        let held = self.held();
        !held.idle.is_empty() || held.http2.is_some()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The HTTP/2 connection, if it is open; it is used now and kept until then.
    fn http2(&mut self, until: Instant) -> Option<Http2> {
        let (http2, kept_until) = self.http2.as_mut()?;
        if http2.is_closed() {
            self.http2 = None;
            return None;
        }
        *kept_until = until;
        Some(http2.clone())
    }
}

#[cfg(test)]
mod tests;

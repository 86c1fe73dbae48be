//! The connections to each origin that wait for their next request.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Uri,
    uri::{Authority, Parts, PathAndQuery, Scheme},
};
use http_body_util::Full;
use hyper::client::conn::http2;
use tokio::{sync::oneshot, time::Instant};

use super::{http1::Http1, prompt::Streams};

/// How many HTTP/1.1 connections to one origin wait at most.
const MOST_IDLE: usize = 64;
/// How often the pool looks round in the time for which a connection is kept.
const LOOKS: u32 = 4;

type SendRequest = http2::SendRequest<Full<Bytes>>;

/// The origins that are called, each with its connections.
pub(super) struct Pool {
    origins: Mutex<HashMap<(Scheme, Authority), Arc<Origin>>>,
    /// How long a connection waits for its next request.
    idle: Duration,
    /// How often the pool has looked round: the time by which it forgets.
    looks: Arc<AtomicU32>,
    is_watched: AtomicBool,
}

impl Pool {
    /// A pool that keeps a connection for `idle`.
    pub(super) fn new(idle: Duration) -> Arc<Self> {
        let (origins, looks, is_watched) = Default::default();
        Arc::new(Self { origins, idle, looks, is_watched })
    }

    /// The way to a URL; `None` where it is not absolute.
    pub(super) fn route(&self, uri: Uri) -> Option<Route> {
        let key = (uri.scheme()?.clone(), uri.authority()?.clone());
        let path = uri.path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = if let Some(origin) = origins.get(&key) {
            origin.clone()
        } else {
            let origin = Arc::new(Origin::new(&key, self.looks.clone())?);
            origins.entry(key).or_insert(origin).clone()
        };
        Some(Route { origin, uri, path: path.into() })
    }

    /// From now on drops what waits for too long, as long as there is anything.
    pub(super) fn watch(self: &Arc<Self>) {
        if !self.is_watched.swap(true, Ordering::AcqRel) {
            tokio::spawn(look_round(Arc::downgrade(self), self.idle / LOOKS));
        }
    }

    /// Drops the connections that waited for too long or have ended, and the origins that nobody knows any more;
    /// says whether there are others.
    fn look(&self) -> bool {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        self.looks.fetch_add(1, Ordering::Relaxed);
        origins.retain(|_, origin| origin.has_connections() || Arc::strong_count(origin) > 1);
        self.is_watched.store(!origins.is_empty(), Ordering::Release);
        !origins.is_empty()
    }
}

async fn look_round(pool: Weak<Pool>, pause: Duration) {
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

/// One scheme, host and port, and the connections there.
pub(super) struct Origin {
    /// The URL of its root.
    pub(super) uri: Uri,
    /// The value of `Host` (RFC 9110 §7.2).
    pub(super) host: HeaderValue,
    /// Held while a connection is made where the server is known to speak HTTP/2, and one is enough for all.
    pub(super) connecting: tokio::sync::Mutex<()>,
    looks: Arc<AtomicU32>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// The last that was used is taken first.
    idle: Vec<Idle>,
    /// Who takes the next connection that is given back, the first first.
    waiting: VecDeque<oneshot::Sender<Box<Http1>>>,
    http2: Option<(Shared, u32)>,
    speaks_http2: bool,
}

struct Idle {
    http1: Box<Http1>,
    since: u32,
    /// When the server may close it, if it says so.
    until: Option<Instant>,
}

impl Idle {
    fn is_kept_by_server(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// A connection to send the next request over.
pub(super) enum Connection {
    /// Alone.
    Http1(Box<Http1>),
    /// Beside others.
    Http2(Shared),
}

/// A connection that carries many requests at once.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) sender: SendRequest,
    pub(super) streams: Streams,
}

impl Origin {
    fn new((scheme, authority): &(Scheme, Authority), looks: Arc<AtomicU32>) -> Option<Self> {
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
        Some(Self { uri, host, connecting, looks, held })
    }

    /// A connection that waits for a request, or one that is given back to the caller who waits for it.
    pub(super) fn take(&self) -> Result<Connection, oneshot::Receiver<Box<Http1>>> {
        let mut held = self.held();
        if let Some(shared) = held.http2(self.now()) {
            return Ok(Connection::Http2(shared));
        }
        while let Some(idle) = held.idle.pop() {
            if idle.is_kept_by_server() {
                return Ok(Connection::Http1(idle.http1));
            }
        }
        let (waiting, given_back) = oneshot::channel();
        held.waiting.push_back(waiting);
        Err(given_back)
    }

    /// Takes a connection back whose answer is whole; any other ends.
    pub(super) fn give_back(&self, mut http1: Box<Http1>) {
        if !http1.is_ready() {
            return;
        }
        http1.rest();
        let mut held = self.held();
        while let Some(waiting) = held.waiting.pop_front() {
            match waiting.send(http1) {
                Ok(()) => return,
                Err(returned) => http1 = returned,
            }
        }
        if held.idle.len() < MOST_IDLE {
            let until = http1.usable_for().map(|time| Instant::now() + time);
            held.idle.push(Idle { http1, since: self.now(), until });
        }
    }

    /// Whether the last connection that was made here speaks HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        self.held().speaks_http2
    }

    /// The HTTP/2 connection, where there is one.
    pub(super) fn http2(&self) -> Option<Shared> {
        self.held().http2(self.now())
    }

    /// Keeps an HTTP/2 connection for all, and gives the one that is to be used: another was faster, or it is this.
    pub(super) fn share(&self, shared: Shared) -> Shared {
        let mut held = self.held();
        held.speaks_http2 = true;
        held.http2(self.now()).unwrap_or_else(|| {
            held.http2 = Some((shared.clone(), self.now()));
            shared
        })
    }

    /// Forgets the HTTP/2 connection, which takes no requests any more.
    pub(super) fn forget_http2(&self) {
        self.held().http2 = None;
    }

    /// Whether connections are left when those are dropped that waited for too long or have ended.
    fn has_connections(&self) -> bool {
        let now = self.now();
        let is_fresh = |since: u32| now.wrapping_sub(since) <= LOOKS;
        let mut held = self.held();
        held.idle.retain_mut(|idle| {
            is_fresh(idle.since) && idle.is_kept_by_server() && idle.http1.is_open()
        });
        held.waiting.retain(|waiting| !waiting.is_closed());
        held.http2.take_if(|(shared, since)| !is_fresh(*since) || shared.sender.is_closed());
        !held.idle.is_empty() || held.http2.is_some()
    }

    fn now(&self) -> u32 {
        self.looks.load(Ordering::Relaxed)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The HTTP/2 connection, if it is open; it is used now.
    fn http2(&mut self, now: u32) -> Option<Shared> {
        let (shared, used_at) = self.http2.as_mut()?;
        if shared.sender.is_closed() {
            self.http2 = None;
            return None;
        }
        *used_at = now;
        Some(shared.clone())
    }
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

#[cfg(test)]
mod tests;

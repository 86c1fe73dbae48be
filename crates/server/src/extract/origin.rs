//! The doors: which values of `Host` mean Keyway, and which origins may call. Every request passes here
//! before anything else looks at it.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, Uri, header},
    response::Response,
};

use super::cors;
use crate::{
    config::Origin,
    error::{Code, Problem},
};

/// The hosts and origins that are let in.
pub(crate) struct Doors {
    hosts: Vec<String>,
    own_origins: Vec<String>,
    host_origins: Vec<String>,
    single_user: bool,
}

/// Where a request comes from, by its `Origin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// There is no `Origin`.
    Unsaid,
    /// A page of Keyway's own.
    Own,
    /// A page of a configured host application.
    HostApplication,
    /// Any other, and `null`.
    Stranger,
}

impl Doors {
    /// The doors of a service that listens at `bound` and is known as `public`.
    pub(crate) fn new(
        public: &Origin,
        bound: SocketAddr,
        host_origins: &[Origin],
        single_user: bool,
    ) -> Self {
        let listening = listening_hosts(bound);
        let own = listening.iter().map(|host| format!("http://{host}"));
        let own_origins = std::iter::once(public.to_string()).chain(own).collect();
        let mut hosts = public.hosts();
        hosts.extend(listening);
        let host_origins = host_origins.iter().map(Origin::to_string).collect();
        Self { hosts, own_origins, host_origins, single_user }
    }

    /// The origins that may hand over a session: Keyway's own and the host applications'.
    pub(crate) fn trusted_origins(&self) -> impl Iterator<Item = &str> {
        self.own_origins.iter().chain(&self.host_origins).map(String::as_str)
    }

    /// The origins of host applications.
    pub(crate) fn host_origins(&self) -> &[String] {
        &self.host_origins
    }

    /// Whether the request says that it comes from a page of Keyway's own.
    pub(crate) fn is_from_own_page(&self, headers: &HeaderMap) -> bool {
        self.source(headers) == Source::Own
    }

    fn source(&self, headers: &HeaderMap) -> Source {
        let mut values = headers.get_all(header::ORIGIN).iter();
        let Some(first) = values.next() else { return Source::Unsaid };
        let same = |known: &String| first.as_bytes() == known.as_bytes();
        if values.next().is_some() {
            Source::Stranger
        } else if self.own_origins.iter().any(same) {
            Source::Own
        } else if self.host_origins.iter().any(same) {
            Source::HostApplication
        } else {
            Source::Stranger
        }
    }

    /// Whether every host the request names is Keyway's, and it names one.
    fn admits_host(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
        let named = headers.get_all(header::HOST).iter().map(HeaderValue::as_bytes);
        let mut named = authority.into_iter().chain(named).peekable();
        let known =
            |name: &[u8]| self.hosts.iter().any(|host| name.eq_ignore_ascii_case(host.as_bytes()));
        named.peek().is_some() && named.all(known)
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// Where its `Host` does not mean Keyway, it was forwarded to `single_user`, or its origin is a stranger's.
    pub(crate) fn admit<B>(&self, request: &Request<B>) -> Result<Visit, Problem> {
        let headers = request.headers();
        let source = self.judge(request.method(), request.uri(), headers)?;
        let origin = || headers.get(header::ORIGIN).cloned();
        Ok(Visit { host_application: (source == Source::HostApplication).then(origin).flatten() })
    }

    fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Source, Problem> {
        if uri.path() != "/healthz" && !self.admits_host(uri, headers) {
            let detail = "the Host header does not name this service; see KEYWAY_PUBLIC_URL";
            return Err(Problem::new(Code::HostRefused, detail));
        }
        if self.single_user && headers.keys().any(|name| is_forwarding(name.as_str())) {
            let detail =
                "single_user takes no forwarded requests; set KEYWAY_AUTH=tokens behind a proxy";
            return Err(Problem::new(Code::OriginRefused, detail));
        }
        let source = self.source(headers);
        let sign_in_page =
            matches!(*method, Method::GET | Method::HEAD) && uri.path().starts_with("/oauth/");
        if source == Source::Stranger && !sign_in_page {
            let detail = "this origin may not call Keyway; the operator lists origins in KEYWAY_HOST_ORIGINS";
            return Err(Problem::new(Code::OriginRefused, detail));
        }
        Ok(source)
    }
}

/// The values of `Host` by which the listener itself is reached: its address, and on loopback all names of
/// this machine.
fn listening_hosts(bound: SocketAddr) -> Vec<String> {
    let port = bound.port();
    match bound.ip() {
        ip if ip.is_loopback() => {
            let mut hosts =
                ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}")).to_vec();
            if !hosts.contains(&bound.to_string()) {
                hosts.push(bound.to_string());
            }
            hosts
        }
        IpAddr::V4(ip) if ip.is_unspecified() => Vec::new(),
        IpAddr::V6(ip) if ip.is_unspecified() => Vec::new(),
        _ => vec![bound.to_string()],
    }
}

fn is_forwarding(name: &str) -> bool {
    name == "forwarded" || name.starts_with("x-forwarded-")
}

/// A request that was let in.
pub(crate) struct Visit {
    /// The origin, where it is that of a host application's page.
    host_application: Option<HeaderValue>,
}

impl Visit {
    /// The answer to a host application's preflight, which comes to no route.
    pub(crate) fn preflight<B>(&self, request: &Request<B>) -> Option<Response> {
        self.host_application.as_ref()?;
        cors::preflight(request.method(), request.headers())
    }

    /// Says in the headers of the answer whose pages may read it (CORS).
    pub(crate) fn name_reader(self, headers: &mut HeaderMap) {
        match self.host_application {
            Some(origin) => cors::expose(headers, origin),
            None => {
                headers.append(header::VARY, HeaderValue::from_static("Origin"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors(public: &str, bound: &str, single_user: bool) -> Doors {
        let host_origins = ["https://chat.example".parse().unwrap()];
        Doors::new(&public.parse().unwrap(), bound.parse().unwrap(), &host_origins, single_user)
    }

    fn judge(
        doors: &Doors,
        method: &Method,
        path: &str,
        pairs: &[(&str, &str)],
    ) -> Result<Source, Code> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: header::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        doors.judge(method, &path.parse().unwrap(), &headers).map_err(|problem| problem.code())
    }

    #[test]
    fn only_keyways_own_hosts_are_answered() {
        let local = doors("http://localhost:8420", "127.0.0.1:8420", true);
        let public = doors("https://keyway.example", "10.0.0.5:8420", false);
        let anywhere = doors("https://keyway.example", "0.0.0.0:8420", false);
        for (doors, host, admitted) in [
            (&local, "localhost:8420", true),
            (&local, "LOCALHOST:8420", true),
            (&local, "127.0.0.1:8420", true),
            (&local, "[::1]:8420", true),
            (&local, "localhost", false),
            (&local, "localhost:8421", false),
            (&local, "evil.example:8420", false),
            (&local, "localhost:8420.evil.example", false),
            (&public, "keyway.example", true),
            (&public, "keyway.example:443", true),
            (&public, "10.0.0.5:8420", true),
            (&public, "keyway.example:8420", false),
            (&public, "localhost:8420", false),
            (&anywhere, "0.0.0.0:8420", false),
            (&anywhere, "keyway.example", true),
        ] {
            let judged = judge(doors, &Method::GET, "/readyz", &[("host", host)]);
            assert_eq!(judged.is_ok(), admitted, "{host}");
        }
        assert_eq!(judge(&local, &Method::GET, "/", &[]), Err(Code::HostRefused));
        let two = [("host", "localhost:8420"), ("host", "evil.example")];
        assert_eq!(judge(&local, &Method::GET, "/", &two), Err(Code::HostRefused));
        assert!(judge(&public, &Method::GET, "/healthz", &[("host", "10.1.2.3")]).is_ok());
    }

    #[test]
    fn only_known_origins_may_call() {
        let doors = doors("https://keyway.example", "10.0.0.5:8420", false);
        for (origin, expected) in [
            ("https://keyway.example", Ok(Source::Own)),
            ("https://chat.example", Ok(Source::HostApplication)),
            ("null", Err(Code::OriginRefused)),
            ("https://evil.example", Err(Code::OriginRefused)),
            ("https://chat.example.evil.example", Err(Code::OriginRefused)),
            ("https://chat.example:8443", Err(Code::OriginRefused)),
            ("http://chat.example", Err(Code::OriginRefused)),
            ("https://CHAT.example", Err(Code::OriginRefused)),
        ] {
            let pairs = [("host", "keyway.example"), ("origin", origin)];
            assert_eq!(
                judge(&doors, &Method::GET, "/api/v1/connectors", &pairs),
                expected,
                "{origin}"
            );
        }
    }

    #[test]
    fn a_navigation_to_the_sign_in_pages_may_come_from_anywhere() {
        let doors = doors("https://keyway.example", "10.0.0.5:8420", false);
        let pairs = [("host", "keyway.example"), ("origin", "null")];
        assert!(judge(&doors, &Method::GET, "/oauth/callback", &pairs).is_ok());
        assert_eq!(
            judge(&doors, &Method::POST, "/oauth/launch/x", &pairs),
            Err(Code::OriginRefused)
        );
    }

    #[test]
    fn single_user_takes_no_forwarded_requests() {
        let local = doors("http://localhost:8420", "127.0.0.1:8420", true);
        for name in ["forwarded", "x-forwarded-for", "x-forwarded-host"] {
            let pairs = [("host", "localhost:8420"), (name, "for=1.2.3.4")];
            assert_eq!(
                judge(&local, &Method::GET, "/", &pairs),
                Err(Code::OriginRefused),
                "{name}"
            );
        }
        let shared = doors("https://keyway.example", "10.0.0.5:8420", false);
        let pairs = [("host", "keyway.example"), ("x-forwarded-for", "1.2.3.4")];
        assert!(judge(&shared, &Method::GET, "/", &pairs).is_ok());
    }
}

//! The load: loops over kept connections, and the single exchanges beside them.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    connection::{Connection, connect, host},
    paced,
    target::Target,
};

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a loop measured.
pub(crate) struct Load {
    /// How long each call took, in µs, sorted.
    pub(crate) latencies: Vec<f64>,
    /// How long it all took.
    pub(crate) time: Duration,
}

/// The connections of a loop, opened and warm.
pub(crate) struct Loop {
    connections: Vec<Connection>,
    /// The id of the next call over each, so that no text comes twice.
    next: u64,
}

/// A connection whose part of a loop is done, and how long each of its calls took, in µs.
pub(crate) type Worked = anyhow::Result<(Connection, Vec<f64>)>;

impl Loop {
    /// Opens that many connections and makes one call over each.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn open(target: &Target, connections: usize) -> anyhow::Result<Self> {
        let mut opened = Self::connect(target, connections).await?;
        for connection in &mut opened.connections {
            connection.call(0).await?;
        }
        opened.next = 1;
        Ok(opened)
    }

    /// Opens that many connections and calls over none.
    ///
    /// # Errors
    /// Where nothing listens there.
    pub(crate) async fn connect(target: &Target, connections: usize) -> anyhow::Result<Self> {
        let mut opened = Vec::with_capacity(connections);
        for caller in 0..connections {
            opened.push(Connection::open(target, caller).await?);
        }
        Ok(Self { connections: opened, next: 0 })
    }

    /// Opens that many connections, of each target as many, and calls over none.
    ///
    /// # Errors
    /// Where nothing listens there.
    pub(crate) async fn across(targets: &[Target], connections: usize) -> anyhow::Result<Self> {
        let mut opened = Vec::with_capacity(connections);
        for number in 0..connections {
            let target = &targets[number % targets.len()];
            opened.push(Connection::open(target, number / targets.len()).await?);
        }
        Ok(Self { connections: opened, next: 0 })
    }

    /// Calls once over each connection, over all at once, and gives each time in µs, sorted.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn once(mut self) -> anyhow::Result<Vec<f64>> {
        let times: anyhow::Result<Vec<f64>> = self.each_once().await.into_iter().collect();
        let mut times = times?;
        times.sort_by(f64::total_cmp);
        Ok(times)
    }

    /// Calls once over each connection, over all at once, and gives how each call ended.
    pub(crate) async fn each_once(&mut self) -> Vec<anyhow::Result<f64>> {
        let id = self.next;
        self.next += 1;
        let calls = self.connections.iter_mut().map(|connection| connection.call(id));
        futures_util::future::join_all(calls).await
    }

    /// Calls back to back over each connection for `time`.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn run(&mut self, time: Duration) -> anyhow::Result<Load> {
        let (begun, first) = (Instant::now(), self.next);
        let mut workers = JoinSet::new();
        for mut connection in self.connections.drain(..) {
            workers.spawn(async move {
                let mut latencies = Vec::new();
                for id in first.. {
                    if begun.elapsed() >= time {
                        break;
                    }
                    latencies.push(connection.call(id).await?);
                }
                anyhow::Ok((connection, latencies))
            });
        }
        self.gather(workers, begun).await
    }

    /// Calls over all connections together `rate` times a second for `time`, whether or not the calls before
    /// were answered.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn run_at(&mut self, rate: f64, time: Duration) -> anyhow::Result<Load> {
        let begun = Instant::now();
        let connections = std::mem::take(&mut self.connections);
        let workers = paced::start(connections, self.next, begun, rate, time);
        self.gather(workers, begun).await
    }

    /// What the workers measured of a loop that has `begun` then, when they are done; the connections are for
    /// the next loop.
    async fn gather(
        &mut self,
        mut workers: JoinSet<Worked>,
        begun: Instant,
    ) -> anyhow::Result<Load> {
        let (mut latencies, mut most) = (Vec::new(), 0);
        while let Some(worked) = workers.join_next().await {
            let (connection, mut took) = worked??;
            most = most.max(took.len());
            latencies.append(&mut took);
            self.connections.push(connection);
        }
        let time = begun.elapsed();
        self.next += u64::try_from(most)?;
        latencies.sort_by(f64::total_cmp);
        Ok(Load { latencies, time })
    }
}

impl Load {
    /// How many calls there were.
    #[expect(clippy::cast_precision_loss, reason = "a count of calls within seconds")]
    pub(crate) fn calls(&self) -> f64 {
        self.latencies.len() as f64
    }

    /// How many there were in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.calls() / self.time.as_secs_f64()
    }
}

/// The text at an address of loopback.
///
/// # Errors
/// Where there is none.
pub(crate) async fn fetch(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let request = Request::get(path).header(header::HOST, host(address)).body(Full::default())?;
    send(address, request).await
}

/// Posts JSON to an address of loopback and gives the answer's text.
///
/// # Errors
/// Where it is not a success.
pub(crate) async fn post(
    address: SocketAddr,
    path: &str,
    mut headers: HeaderMap,
    body: String,
) -> anyhow::Result<String> {
    headers.insert(header::HOST, host(address).parse()?);
    headers.insert(header::CONTENT_TYPE, "application/json".parse()?);
    let request = Request::builder().method(Method::POST).uri(path);
    let mut request = request.body(Full::from(body))?;
    *request.headers_mut() = headers;
    send(address, request).await
}

async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> anyhow::Result<String> {
    let answer = exchange(address, request).await?;
    let (status, text) = (answer.status(), answer.into_body());
    anyhow::ensure!(status.is_success(), "{address} answered {status}: {text}");
    Ok(text)
}

/// Sends a request to an address of loopback and gives the answer, whatever it is.
///
/// # Errors
/// Where there is none.
pub(crate) async fn exchange(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<Response<String>> {
    let exchange = async {
        let (mut sender, _) = connect(address).await?;
        let answer: Response<Incoming> = sender.send_request(request).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        anyhow::Ok(Response::from_parts(parts, text))
    };
    tokio::time::timeout(PATIENCE, exchange).await?
}

/// The header that shows a token.
///
/// # Errors
/// Where the token cannot be in a header.
pub(crate) fn bearer(token: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    Ok((header::AUTHORIZATION, format!("Bearer {token}").parse()?))
}

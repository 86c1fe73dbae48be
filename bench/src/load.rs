//! The load: a closed loop over kept connections, each call checked for the answer that is due to it.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::Instant};

use crate::{
    call::{self, Tool},
    target::Target,
};

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A kept connection to a target.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    path: String,
    headers: HeaderMap,
    local_port: u16,
}

/// What a closed loop measured.
pub(crate) struct Load {
    /// How long each call took, in µs, sorted.
    pub(crate) latencies: Vec<f64>,
    /// How long it all took.
    pub(crate) time: Duration,
}

impl Connection {
    /// Connects as one of the target's callers.
    ///
    /// # Errors
    /// Where nothing listens there.
    pub(crate) async fn open(target: &Target, caller: usize) -> anyhow::Result<Self> {
        let (sender, local_port) = connect(target.address).await?;
        let mut headers = target.callers[caller % target.callers.len()].clone();
        headers.insert(header::HOST, host(target.address).parse()?);
        Ok(Self { sender, path: target.path.clone(), headers, local_port })
    }

    /// Calls `echo` and gives the time it took in µs.
    ///
    /// # Errors
    /// Where the answer is not, byte for byte, the one that is due.
    pub(crate) async fn call(&mut self, id: u64) -> anyhow::Result<f64> {
        let text = self.text(id);
        let due = call::answer(id, &text).to_string();
        let request = self.request(Tool::Echo, id, &text)?;
        let begun = Instant::now();
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        let took = begun.elapsed();
        anyhow::ensure!(body == due, "not the answer: {status} {}", String::from_utf8_lossy(&body));
        Ok(micros(took))
    }

    /// Calls `stream` and gives the time to the first byte of its body in µs.
    ///
    /// # Errors
    /// Where the stream does not hold the event that is due.
    pub(crate) async fn first_byte(&mut self, id: u64) -> anyhow::Result<f64> {
        let text = self.text(id);
        let request = self.request(Tool::Stream, id, &text)?;
        let begun = Instant::now();
        let mut body = self.sender.send_request(request).await?.into_body();
        let frame = body.frame().await.context("the stream is empty")??;
        let took = begun.elapsed();
        let first = frame.into_data().unwrap_or_default();
        let text = String::from_utf8_lossy(&first).contains(&text);
        anyhow::ensure!(text, "the first bytes are not the event");
        body.collect().await?;
        Ok(micros(took))
    }

    /// Calls `parts` and gives the time to the end of its stream in µs.
    ///
    /// # Errors
    /// Where the stream does not hold the event that is due.
    pub(crate) async fn parts(&mut self, id: u64) -> anyhow::Result<f64> {
        let text = self.text(id);
        let request = self.request(Tool::Parts, id, &text)?;
        let begun = Instant::now();
        let answer = self.sender.send_request(request).await?;
        let body = answer.into_body().collect().await?.to_bytes();
        let took = begun.elapsed();
        anyhow::ensure!(String::from_utf8_lossy(&body).contains(&text), "the event is not whole");
        Ok(micros(took))
    }

    /// Calls `large`, reads the answer as it comes and gives its length in bytes.
    ///
    /// # Errors
    /// Where the answer ends early.
    pub(crate) async fn large(&mut self) -> anyhow::Result<usize> {
        let request = self.request(Tool::Large, 0, "")?;
        let mut body = self.sender.send_request(request).await?.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        anyhow::ensure!(length > call::LARGE, "the large answer ended after {length} bytes");
        Ok(length)
    }

    /// 64 bytes that no other call has, so that an answer that goes astray is seen.
    fn text(&self, id: u64) -> String {
        format!("{:05}-{id:058}", self.local_port)
    }

    fn request(&self, tool: Tool, id: u64, text: &str) -> anyhow::Result<Request<Full<Bytes>>> {
        let body = Full::new(call::body(tool, id, text));
        let mut request = Request::post(self.path.as_str()).body(body)?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// The connections of a closed loop, opened and warm.
pub(crate) struct Loop(Vec<Connection>);

impl Loop {
    /// Opens that many connections and makes one call over each.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn open(target: &Target, connections: usize) -> anyhow::Result<Self> {
        let mut opened = Self::connect(target, connections).await?;
        for connection in &mut opened.0 {
            connection.call(0).await?;
        }
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
        Ok(Self(opened))
    }

    /// Calls once over each connection, over all at once, and gives each time in µs, sorted.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn once(mut self) -> anyhow::Result<Vec<f64>> {
        let calls = self.0.iter_mut().map(|connection| connection.call(1));
        let mut times = futures_util::future::try_join_all(calls).await?;
        times.sort_by(f64::total_cmp);
        Ok(times)
    }

    /// Calls back to back over each connection for `time`.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn run(self, time: Duration) -> anyhow::Result<Load> {
        let begun = Instant::now();
        let mut workers = JoinSet::new();
        for mut connection in self.0 {
            workers.spawn(async move {
                let mut latencies = Vec::new();
                for id in 1.. {
                    if begun.elapsed() >= time {
                        break;
                    }
                    latencies.push(connection.call(id).await?);
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latencies = Vec::new();
        while let Some(worker) = workers.join_next().await {
            latencies.append(&mut worker??);
        }
        let time = begun.elapsed();
        latencies.sort_by(f64::total_cmp);
        Ok(Load { latencies, time })
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
    let exchange = async {
        let (mut sender, _) = connect(address).await?;
        let answer: Response<Incoming> = sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        anyhow::ensure!(status.is_success(), "{address} answered {status}: {text}");
        Ok(text)
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

async fn connect(address: SocketAddr) -> anyhow::Result<(SendRequest<Full<Bytes>>, u16)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let port = stream.local_addr()?.port();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its end is seen by the next call over it.
    tokio::spawn(connection);
    Ok((sender, port))
}

fn host(address: SocketAddr) -> String {
    format!("localhost:{}", address.port())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

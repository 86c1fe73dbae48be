//! One kept connection to a target, and the calls over it, each checked for the answer that is due to it.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::Instant};

use crate::{
    call::{self, Tool},
    target::Target,
};

/// A kept connection to a target.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    path: String,
    headers: HeaderMap,
    local_port: u16,
}

/// What a call was answered.
pub(crate) enum Answer {
    /// Byte for byte the answer that is due, after so many µs.
    Due(f64),
    /// Something else.
    Other(StatusCode, String),
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

    /// Calls this address of the target from now on.
    pub(crate) fn turn_to(&mut self, path: String) {
        self.path = path;
    }

    /// Calls `echo` and gives the time it took in µs.
    ///
    /// # Errors
    /// Where the answer is not, byte for byte, the one that is due.
    pub(crate) async fn call(&mut self, id: u64) -> anyhow::Result<f64> {
        match self.attempt(id).await? {
            Answer::Due(took) => Ok(took),
            Answer::Other(status, text) => anyhow::bail!("not the answer: {status} {text}"),
        }
    }

    /// Calls `echo` and gives what it was answered, whatever that is.
    ///
    /// # Errors
    /// Where there was no answer.
    pub(crate) async fn attempt(&mut self, id: u64) -> anyhow::Result<Answer> {
        let text = self.text(id);
        let due = call::answer(id, &text).to_string();
        let request = self.request(Tool::Echo, id, &text)?;
        let begun = Instant::now();
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        let took = begun.elapsed();
        if body == due {
            return Ok(Answer::Due(micros(took)));
        }
        Ok(Answer::Other(status, String::from_utf8_lossy(&body).into_owned()))
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

/// Connects, and says from which port.
///
/// # Errors
/// Where nothing listens there.
pub(crate) async fn connect(
    address: SocketAddr,
) -> anyhow::Result<(SendRequest<Full<Bytes>>, u16)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let port = stream.local_addr()?.port();
    #[expect(clippy::disallowed_methods, reason = "the load is made without the egress policy")]
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its end is seen by the next call over it.
    tokio::spawn(connection);
    Ok((sender, port))
}

/// An address of loopback as the header `Host` has it.
pub(crate) fn host(address: SocketAddr) -> String {
    format!("localhost:{}", address.port())
}

/// A time in µs.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

//! A client that writes bytes of the test's choice, for requests that no HTTP library would send.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long the server may take to close the connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes the bytes on one connection to the origin, and reads until the server closes it; `None` where it
/// does not.
pub async fn exchange(origin: &str, bytes: &[u8]) -> Option<String> {
    let address = origin.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("keyway listens");
    // A server that refuses the head closes before it has read everything.
    let _cut_off = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let reading = async { while let Ok(1..) = stream.read_buf(&mut answer).await {} };
    let ended = timeout(PATIENCE, reading).await.is_ok();
    ended.then(|| String::from_utf8_lossy(&answer).into_owned())
}

/// The statuses of the answers, in their order.
pub fn statuses(answers: &str) -> Vec<u16> {
    let heads = answers.split("HTTP/1.1 ").skip(1);
    heads.filter_map(|head| head.get(..3)?.parse().ok()).collect()
}

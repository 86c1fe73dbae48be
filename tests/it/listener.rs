//! Connections: which version of HTTP a client speaks, and clients that are slow to begin.

use std::time::Duration;

use keyway_tests::{keyway::Keyway, process::Process, raw_client::statuses, settings::Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How a client begins that speaks HTTP/2 without having asked (RFC 9113 §3.4), with empty settings.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The type of the frame by which either side tells its settings (RFC 9113 §6.5).
const SETTINGS: u8 = 4;

async fn connect(origin: &str) -> TcpStream {
    TcpStream::connect(origin.trim_start_matches("http://")).await.expect("keyway listens")
}

/// Writes one byte at a time, so that the first look at a connection sees one alone.
async fn write_slowly(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_nodelay(true).expect("it is open");
    for byte in bytes {
        stream.write_all(&[*byte]).await.expect("it is open");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn http2_is_spoken_with_those_who_begin_so() {
    let keyway = Keyway::single_user().await;
    for slowly in [false, true] {
        let mut stream = connect(keyway.origin()).await;
        if slowly {
            write_slowly(&mut stream, HTTP2).await;
        } else {
            stream.write_all(HTTP2).await.expect("it is open");
        }
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("a frame comes back");
        assert_eq!(head[3], SETTINGS, "{head:?}");
    }
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_read_as_what_it_is() {
    let keyway = Keyway::single_user().await;
    let host = keyway.origin().trim_start_matches("http://");
    for (line, status) in [("GET /healthz", 200), ("POST /healthz", 405), ("PATCH /healthz", 405)] {
        let mut stream = connect(keyway.origin()).await;
        let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        write_slowly(&mut stream, head.as_bytes()).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it is answered and closed");
        assert_eq!(statuses(&answer), [status], "{line}: {answer}");
    }
}

#[tokio::test]
async fn a_connection_on_which_nothing_was_said_does_not_hold_up_the_end() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let process = Process::serve(&Settings::single_user(&directory), &directory).await;
    let mut silent = connect(process.origin()).await;
    let mut idle = connect(process.origin()).await;
    let host = process.origin().trim_start_matches("http://");
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
    idle.write_all(request.as_bytes()).await.expect("it is open");
    idle.read_u8().await.expect("it is answered");
    let ended = timeout(Duration::from_secs(10), process.terminate()).await.expect("it ends");
    assert!(ended.success(), "{ended}");
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
}

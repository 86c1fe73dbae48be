//! Requests that are made to mislead the gateway: another server's name, headers for one hop, two messages
//! in one, bodies and heads beyond measure.

use futures_util::future::join_all;
use http::Method;
use keyway_tests::{
    api::{Api, Credentials},
    keyway::Keyway,
    mcp_server::{McpServer, text_result},
    raw_client::{exchange, statuses},
    settings::Settings,
};
use serde_json::json;

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// Connects an open server without sessions under this slug.
async fn connect(api: &Api, slug: &str) -> McpServer {
    let server = McpServer::open().await;
    server.script(|script| script.sessions = false);
    let connector = json!({"url": server.url(), "slug": slug, "auth_type": "headers"});
    api.create(connector).await.expect(201);
    server
}

/// The head of a request to the connector `notes`, without its end.
fn head(keyway: &Keyway) -> String {
    let host = keyway.origin().trim_start_matches("http://");
    format!("POST /mcp/notes HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n")
}

/// A whole request whose arrival shows in the server's log as the method `second`, and the last one.
fn second(keyway: &Keyway) -> String {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"second"}"#;
    format!("{}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", head(keyway), body.len())
}

#[tokio::test]
async fn no_header_of_a_caller_moves_a_request_to_another_server() {
    let keyway = Keyway::start(Settings::tokens, |_| {}).await;
    let alice = keyway.api_of("alice");
    let server = connect(&alice, "notes").await;
    let request = alice.request(Method::POST, "/mcp/notes?host=evil.example");
    let misleading = ["x-original-url", "x-rewrite-url", "x-forwarded-host", "mcp-init-host"];
    let request = misleading
        .iter()
        .fold(request, |request, name| request.header(*name, "http://evil.example/elsewhere"));
    let request = request.header("content-type", "application/json").body(LIST);
    alice.send(request).await.expect(200);
    let seen = server.log().rpc("tools/list").pop().expect("it came");
    let own = server.origin().trim_start_matches("http://");
    assert_eq!(
        (seen.header("host"), seen.path.as_str(), seen.query.as_str()),
        (Some(own), "/mcp", "")
    );
    assert_eq!(seen.header("x-original-url"), None);
}

#[tokio::test]
async fn a_request_line_or_host_of_another_server_is_misdirected() {
    let keyway = Keyway::single_user().await;
    let server = connect(&keyway.api(), "notes").await;
    let before = server.log().requests().len();
    let good = head(&keyway);
    let absolute = good.replacen("/mcp/notes", "http://evil.example/mcp/notes", 1);
    let twice = format!("{good}Host: evil.example\r\n");
    let none = "POST /mcp/notes HTTP/1.1\r\nContent-Type: application/json\r\n".to_owned();
    for bad in [absolute, twice, none] {
        let bytes = format!("{bad}Connection: close\r\nContent-Length: 0\r\n\r\n");
        let answer = exchange(keyway.origin(), bytes.as_bytes()).await.expect("it is closed");
        assert_eq!(statuses(&answer), [421], "{bad}");
    }
    assert_eq!(server.log().requests().len(), before);
}

#[tokio::test]
async fn headers_for_one_hop_stay_on_it() {
    let keyway = Keyway::single_user().await;
    let server = connect(&keyway.api(), "notes").await;
    let for_this_hop = "Connection: close, x-foo, mcp-foo, baggage\r\nX-Foo: 1\r\nMcp-Foo: 1\r\nBaggage: a=1\r\n\
         TE: trailers\r\nTrailer: X-Foo\r\nUpgrade: h2c, websocket\r\nExpect: 100-continue\r\nMcp-Kept: 1\r\n";
    let bytes =
        format!("{}{for_this_hop}Content-Length: {}\r\n\r\n{LIST}", head(&keyway), LIST.len());
    let answer = exchange(keyway.origin(), bytes.as_bytes()).await.expect("it is closed");
    assert_eq!(statuses(&answer).last(), Some(&200), "{answer}");
    let seen = server.log().rpc("tools/list").pop().expect("it came");
    for name in ["connection", "x-foo", "mcp-foo", "baggage", "te", "trailer", "upgrade", "expect"]
    {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.header("mcp-kept"), Some("1"));
}

#[tokio::test]
async fn what_could_be_read_as_two_messages_is_refused_and_the_connection_closed() {
    let keyway = Keyway::single_user().await;
    let server = connect(&keyway.api(), "notes").await;
    let endless = format!("Transfer-Encoding: chunked\r\n\r\n1;{}\r\na", "x".repeat(1_000_000));
    for framing in [
        "Transfer-Encoding: chunked, identity\r\n\r\n0",
        "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n0",
        "Transfer-Encoding: xchunked\r\n\r\n0",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0",
        " Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0",
        "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0",
        "X-Folded: a\r\n b\r\nContent-Length: 5\r\n\r\n0",
        "X-Return: a\rContent-Length: 5\r\n\r\n0",
        "X-Nul: a\0b\r\nContent-Length: 5\r\n\r\n0",
        "Content-Length: +5\r\n\r\n0",
        "Content-Length: -5\r\n\r\n0",
        "Content-Length: 5,5\r\n\r\n0",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\n0",
        "Content-Length: 99999999999999999999999\r\n\r\n0",
        "Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0",
        "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na\r\n0",
        "Transfer-Encoding: chunked\r\n\r\n1\na\n0",
        &endless,
    ] {
        let bytes = format!("{}{framing}\r\n\r\n{}", head(&keyway), second(&keyway));
        let answer = exchange(keyway.origin(), bytes.as_bytes()).await.expect("it is closed");
        assert_eq!(statuses(&answer), [400], "{framing:.60}: {answer}");
    }
    for both in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
    ] {
        let bytes = format!("{}{both}\r\n\r\n0\r\n\r\n{}", head(&keyway), second(&keyway));
        let answer = exchange(keyway.origin(), bytes.as_bytes()).await.expect("it is closed");
        assert_eq!(statuses(&answer).len(), 1, "nothing behind it is read: {answer}");
    }
    assert!(server.log().rpc("second").is_empty());
    let clear = format!("{}Content-Length: 2\r\n\r\n{{}}{}", head(&keyway), second(&keyway));
    let answer = exchange(keyway.origin(), clear.as_bytes()).await.expect("it is closed");
    assert_eq!(statuses(&answer).len(), 2, "{answer}");
    assert_eq!(server.log().rpc("second").len(), 1, "two clear messages are two");
}

#[tokio::test]
async fn requests_beyond_the_bounds_are_too_large() {
    const MOST: usize = 4 * 1024 * 1024;
    let keyway = Keyway::single_user().await;
    let server = connect(&keyway.api(), "notes").await;
    let padded = |size: usize| format!("{LIST}{}", " ".repeat(size - LIST.len()));
    let client = keyway.api().mcp("notes");
    assert_ne!(client.post(&padded(MOST)).await.problem().1, "too_large");
    assert_eq!(client.post(&padded(MOST + 1)).await.problem(), (413, "too_large".to_owned()));
    let (host, size) = (head(&keyway), MOST + 1);
    let chunked = format!(
        "{host}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n{}\r\n0\r\n\r\n",
        padded(size)
    );
    let answer = exchange(keyway.origin(), chunked.as_bytes()).await.expect("it is closed");
    assert_eq!(statuses(&answer), [413]);
    for heads in [format!("X-Long: {}\r\n", "x".repeat(500_000)), "X-Many: 1\r\n".repeat(200)] {
        let bytes = format!("{host}{heads}Content-Length: 0\r\n\r\n");
        let answer = exchange(keyway.origin(), bytes.as_bytes()).await.expect("it is closed");
        assert_eq!(statuses(&answer), [431]);
    }
    assert_eq!(server.log().rpc("tools/list").len(), 1);
}

#[tokio::test]
async fn a_header_value_that_looks_like_a_template_is_sent_as_it_is() {
    const VALUE: &str = "${HOME} {{user.token}} $(id) %PATH% `id`";
    let keyway = Keyway::single_user().await;
    let server = McpServer::with_header("x-key", VALUE).await;
    let connector = json!({"url": server.url(), "slug": "notes", "headers": {"X-Key": VALUE}});
    keyway.api().create(connector).await.expect(201);
    keyway.api().call("notes", "echo", json!({})).await.expect(200);
    let calls = server.log().rpc("tools/call");
    assert_eq!(calls[0].header("x-key"), Some(VALUE));
}

#[tokio::test]
async fn answers_to_the_same_id_do_not_cross() {
    let keyway = Keyway::single_user().await;
    let api = keyway.api();
    let servers = [("one", connect(&api, "one").await), ("two", connect(&api, "two").await)];
    for (name, server) in &servers {
        let name = *name;
        server.script(|script| {
            let told = std::sync::Arc::new(move |_: &_| text_result(name));
            script.handlers.insert("whoami".into(), told);
        });
    }
    let calls = (0..100).map(|n| {
        let (slug, client) = (servers[n % 2].0, api.mcp(servers[n % 2].0));
        async move {
            let answer = client.call("whoami", "{}").await.expect(200);
            assert_eq!(
                (&answer["id"], &answer["result"]["content"][0]["text"]),
                (&json!("r-1"), &json!(slug))
            );
        }
    });
    join_all(calls).await;
}

#[tokio::test]
async fn one_address_under_two_names_gets_each_names_own_credentials() {
    let keyway = Keyway::single_user().await;
    let server = McpServer::open().await;
    server.script(|script| script.sessions = false);
    let names = [("one", server.url()), ("two", server.url_on_localhost())];
    for (slug, url) in &names {
        let connector = json!({"url": url, "slug": slug, "headers": {"X-Key": slug}});
        keyway.api().create(connector).await.expect(201);
    }
    for _ in 0..3 {
        for (slug, _) in &names {
            Api::new(keyway.origin(), Credentials::None).mcp(slug).post(LIST).await.expect(200);
        }
    }
    for seen in server.log().rpc("tools/list") {
        let by_address = seen.header("host").is_some_and(|host| host.starts_with("127.0.0.1"));
        assert_eq!(seen.header("x-key"), Some(if by_address { "one" } else { "two" }));
    }
}

//! MCP servers that speak HTTP/2.

use futures_util::future::join_all;
use keyway_tests::{
    api::Api,
    mcp_server::{Answers, McpServer},
    process::Process,
    settings::Settings,
    tls::{Authority, TlsServer},
    until::until,
};
use serde_json::json;

/// Whether a call of the connector `fast` is answered.
async fn is_answered(api: &Api) -> bool {
    let answer = api.call("fast", "echo", json!({"text": "over HTTP/2"})).await;
    answer.status == 200 && answer.text().contains("over HTTP/2")
}

#[tokio::test]
async fn many_calls_at_once_share_a_connection_and_when_it_ends_the_next_one() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let authority = Authority::new(&directory);
    let mut settings = Settings::single_user(&directory);
    settings.set("SSL_CERT_FILE", &authority.file());
    let keyway = Process::serve(&settings, &directory).await;
    let api = &keyway.api();
    for answers in [Answers::Json, Answers::Sse] {
        let mcp = McpServer::open().await;
        mcp.script(|script| (script.sessions, script.answers) = (false, answers));
        let server = TlsServer::with_http2(&mcp.url(), &authority).await;
        let connector = json!({"url": server.url(), "slug": "fast", "auth_type": "headers"});
        let made = api.create(connector).await.expect(201);
        for connections in 1..3 {
            until("a call is answered", || is_answered(api)).await;
            let answered = join_all((0..20).map(|_| is_answered(api))).await;
            assert_eq!(answered, [true; 20]);
            assert_eq!(server.connections(), connections);
            server.hang_up();
        }
        let id = made["id"].as_str().unwrap_or_default();
        api.delete(&format!("/api/v1/connectors/{id}")).await.expect(204);
    }
}

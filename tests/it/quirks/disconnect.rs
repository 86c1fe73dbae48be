//! Disconnecting, and sessions that the server ended by itself.

use keyway_tests::{fault::Fault, scene::Scene};

#[tokio::test]
async fn quirk_21_a_sign_out_revokes_the_refresh_token_first() {
    let scene = Scene::signed_in().await;
    scene.api.delete("/api/v1/connectors/notes/oauth").await.expect(204);
    let log = scene.authorization_server.log();
    log.wait_until(|seen| seen.iter().any(|request| request.path == "/revoke")).await;
    let first = log.to("/revoke")[0].clone();
    assert!(first.form("token").is_some_and(|token| token.starts_with("rt-")));
    assert_eq!(first.form("token_type_hint").as_deref(), Some("refresh_token"));
}

#[tokio::test]
async fn quirk_21_a_server_that_does_not_revoke_holds_nothing_up() {
    for fault in [Fault::Hang, Fault::Status(500), Fault::Reset] {
        let scene = Scene::signed_in().await;
        scene.authorization_server.script(|script| script.revocation_fault = Some(fault));
        scene.api.delete("/api/v1/connectors/notes").await.expect(204);
        assert_eq!(scene.api.get("/api/v1/connectors/notes").await.status, 404);
    }
}

#[tokio::test]
async fn quirk_23_a_session_that_the_server_forgot_is_opened_anew() {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| script.eras = keyway_tests::mcp_server::Eras::Handshake);
    scene.assert_works().await;
    let before = scene.mcp.log().rpc("initialize").len();
    scene.mcp.forget_sessions();
    scene.assert_works().await;
    assert_eq!(scene.mcp.log().rpc("initialize").len() - before, 1);
    assert_eq!(scene.refreshes(), 0);
}

#[tokio::test]
async fn quirk_23_a_session_that_the_server_forgot_with_400_is_opened_anew_once() {
    let no_session = r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":null}"#;
    for (body, opened) in [
        (no_session, 1),
        ("", 1),
        (r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"no such thing"},"id":null}"#, 0),
    ] {
        let scene = Scene::signed_in().await;
        scene.mcp.script(|script| script.eras = keyway_tests::mcp_server::Eras::Handshake);
        scene.assert_works().await;
        scene.mcp.script(|script| script.lost_session = (400, body));
        let before = scene.mcp.log().rpc("initialize").len();
        scene.mcp.forget_sessions();
        assert_eq!(scene.whoami().await.status == 200, opened == 1, "{body}");
        assert_eq!(scene.mcp.log().rpc("initialize").len() - before, opened, "{body}");
    }
}

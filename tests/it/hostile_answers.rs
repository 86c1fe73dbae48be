//! Answers that are made to mislead: other servers' endpoints and scopes, resources of somebody else,
//! clients that cannot be, headers and bodies without an end.

use futures_util::future::join_all;
use keyway_tests::{
    authorization_server::{AuthorizationServer, MetadataPlaces},
    fault::Fault,
    mcp_server::McpServer,
    process::Process,
    raw_server::RawServer,
    scene::{NOTES, Scene},
    settings::Settings,
    tls::{Authority, Certified, TlsServer},
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_endpoint_of_a_foreign_host_is_named_before_the_first_sign_in() {
    let scene = Scene::tokens().await;
    let foreign = scene.authorization_server.origin().replace("127.0.0.1", "localhost");
    scene.authorization_server.script(|script| {
        script.metadata = json!({"token_endpoint": format!("{foreign}/token")});
    });
    let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
    let page = scene.browser.peek(&authorize_url).await;
    assert_eq!(page.status, 200, "one page and one click before anything is sent");
    assert!(page.text.contains("localhost"), "{}", page.text);
    assert_eq!(scene.exchanges(), 0);
    scene.browser.sign_in(&authorize_url).await;
    assert_eq!(scene.api.session(&session).await["status"], "finished");
}

#[tokio::test]
async fn of_two_authorization_servers_one_is_chosen_and_the_other_sees_nothing() {
    let scene = Scene::new().await;
    let second = AuthorizationServer::start().await;
    let named = json!([scene.authorization_server.issuer(), second.issuer()]);
    scene.mcp.script(|script| script.metadata = json!({"authorization_servers": named}));
    scene.sign_in().await;
    scene.advance(3600);
    scene.assert_works().await;
    assert_eq!(scene.connector().await["oauth"]["issuer"], scene.authorization_server.issuer());
    assert!(second.log().is_empty());
}

#[tokio::test]
async fn metadata_that_vanishes_or_changes_moves_no_refresh_token() {
    let other = AuthorizationServer::start().await;
    let elsewhere = json!({"token_endpoint": format!("{}/token", other.origin())});
    for (places, metadata) in
        [(MetadataPlaces::Nowhere, json!({})), (MetadataPlaces::Both, elsewhere)]
    {
        let scene = Scene::signed_in().await;
        scene.authorization_server.script(|script| {
            script.metadata_at = places;
            script.metadata = metadata;
        });
        scene.advance(3600);
        scene.assert_works().await;
        assert_eq!(scene.refreshes(), 1);
    }
    assert!(other.log().is_empty());
}

#[tokio::test]
async fn s256_beside_plain_is_enough_and_is_what_is_used() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.metadata = json!({"code_challenge_methods_supported": ["plain", "S256"]});
    });
    scene.sign_in().await;
    let asked = &scene.authorization_server.log().to("/authorize")[0];
    assert_eq!(asked.query("code_challenge_method").as_deref(), Some("S256"));
}

#[tokio::test]
async fn a_resource_that_does_not_cover_the_server_is_metadata_invalid() {
    let scene = Scene::new().await;
    let (url, origin) = (scene.mcp.url(), scene.mcp.origin().to_owned());
    let others = [
        json!(format!("{url}#part")),
        json!(format!("{origin}/MCP")),
        json!(format!("{url}/more")),
        json!(format!("{origin}/mc")),
        json!(url.replace("127.0.0.1", "localhost")),
        json!(url.replace("http://", "https://")),
        json!("mcp"),
        json!(7),
        Value::Null,
    ];
    for resource in others {
        scene.mcp.script(|script| script.metadata = json!({"resource": resource}));
        let problem = scene.start().await.problem();
        assert_eq!(problem, (502, "metadata_invalid".to_owned()), "{resource}");
    }
    scene.mcp.script(|script| script.metadata = json!({"resource": origin}));
    scene.start().await.expect(200);
}

#[tokio::test]
async fn answers_without_an_end_are_given_up_in_time() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    let cases = [
        (OK, "X-Again: and again\r\n"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{", " "),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\":", ""),
        ("no HTTP at all\r\n\r\n", ""),
    ];
    let tried = cases.map(|(head, piece)| async move {
        let scene = Scene::new().await;
        let raw = RawServer::start(head, piece).await;
        let challenge = format!("Bearer resource_metadata=\"{}/prm\"", raw.origin());
        scene.mcp.script(|script| script.challenge = Some(challenge));
        let answer = tokio::time::timeout(std::time::Duration::from_secs(20), scene.start()).await;
        let problem = answer.expect("it is given up").problem();
        assert_eq!(problem, (504, "provider_unreachable".to_owned()), "{head:?} {piece:?}");
    });
    join_all(tried).await;
}

#[tokio::test]
async fn a_registration_that_cannot_be_used_is_registration_failed() {
    for answer in [
        json!({"client_id": "x".repeat(2_000_000)}),
        json!({"client_id": "x".repeat(5_000)}),
        json!({"client_id": 7}),
        json!({"token_endpoint_auth_method": "tls_client_auth"}),
        json!({"token_endpoint_auth_method": "client_secret_post", "client_secret": null}),
        json!({"client_secret": "s", "client_secret_expires_at": 1}),
        json!({"redirect_uris": []}),
    ] {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| script.registration = answer.clone());
        let problem = scene.start().await.problem();
        let shown: String = answer.to_string().chars().take(80).collect();
        assert_eq!(problem, (502, "registration_failed".to_owned()), "{shown}");
    }
}

#[tokio::test]
async fn a_registration_that_is_a_page_is_registration_failed_and_one_with_200_is_taken() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.registration_fault =
            Some(Fault::Answer(201, vec![("content-type", "text/html".into())], "<p>".into()));
    });
    assert_eq!(scene.start().await.problem(), (502, "registration_failed".to_owned()));
    let json = vec![("content-type", "application/json".to_owned())];
    scene.authorization_server.script(|script| {
        script.registration_fault = Some(Fault::Answer(200, json, r#"{"client_id":"c"}"#.into()));
    });
    scene.start().await.expect(200);
}

#[tokio::test]
async fn ten_thousand_scopes_are_cut_and_those_outside_the_grammar_left_out() {
    let scene = Scene::new().await;
    let mut many: Vec<_> = (0..10_000).map(|n| format!("s{n}")).collect();
    many[0] = "with \"quotes\"".to_owned();
    many[1] = "with\u{1}control".to_owned();
    scene.mcp.script(|script| script.metadata = json!({"scopes_supported": many}));
    scene.sign_in().await;
    let scope = scene.authorization_server.log().to("/authorize")[0].query("scope");
    let asked: Vec<_> =
        scope.as_deref().unwrap_or_default().split(' ').map(str::to_owned).collect();
    assert!((1..=257).contains(&asked.len()), "{} scopes", asked.len());
    assert!(asked.iter().all(|scope| !scope.contains(['"', '\u{1}'])));
}

#[tokio::test]
async fn a_challenge_beyond_all_measure_is_left_unread() {
    for challenge in [
        format!("Bearer realm=\"{}\"", "x".repeat(100_000)),
        "Bearer a=b, ".repeat(1_000) + "Bearer resource_metadata=\"https://evil.example/prm\"",
    ] {
        let scene = Scene::new().await;
        scene.mcp.script(|script| script.challenge = Some(challenge));
        scene.sign_in().await;
        scene.assert_works().await;
    }
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_by_tls_is_unreachable() {
    let scene = Scene::new().await;
    let plain = McpServer::open().await;
    let url = plain.url().replace("http://", "https://");
    let report = scene.api.post("/api/v1/connectors/probe", json!({"url": url})).await.expect(200);
    assert_eq!(report["outcome"], "unreachable", "{report}");
    assert!(plain.log().is_empty(), "it is not tried without TLS");
}

#[tokio::test]
async fn only_a_certificate_that_holds_is_spoken_to_and_the_words_say_what_is_wrong_with_another() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let authority = Authority::new(&directory);
    let mut settings = Settings::single_user(&directory);
    // Where the operating system keeps the certificates it trusts.
    settings.set("SSL_CERT_FILE", &authority.file());
    let keyway = Process::serve(&settings, &directory).await;
    for (kind, outcome, words) in [
        (Certified::Well, "open", "200"),
        (Certified::Expired, "unreachable", "has expired"),
        (Certified::OtherHost, "unreachable", "is for another host"),
        (Certified::BySelf, "unreachable", "is not by an authority that is trusted"),
    ] {
        let mcp = McpServer::open().await;
        let server = TlsServer::in_front_of(&mcp.url(), &authority, kind).await;
        let asked = json!({"url": server.url()});
        let report = keyway.api().post("/api/v1/connectors/probe", asked).await.expect(200);
        assert_eq!(report["outcome"], outcome, "{kind:?} {report}");
        assert!(report["trace"].to_string().contains(words), "{kind:?} {report}");
        assert_eq!(mcp.log().is_empty(), kind != Certified::Well, "{kind:?}");
        let connector = json!({"url": server.url(), "auth_type": "headers"});
        let made = keyway.api().create(connector).await.expect(201);
        let id = made["id"].as_str().unwrap_or_default();
        let called = keyway.api().call(id, "echo", json!({"text": "x"})).await;
        let refused = (504, "upstream_unreachable".to_owned());
        assert_eq!(called.problem() == refused, kind != Certified::Well, "{}", called.text());
        assert_eq!(mcp.log().is_empty(), kind != Certified::Well, "{kind:?}");
    }
}

#[tokio::test]
async fn a_token_answer_that_is_hostile_is_not_stored() {
    for token in [
        json!({"access_token": "x".repeat(1_000_000)}),
        json!({"access_token": "x".repeat(20_000)}),
        json!({"access_token": {"access_token": "x"}}),
        json!({"access_token": ["x"]}),
        json!({"access_token": "same", "refresh_token": "same"}),
        json!({"refresh_token": "a\r\nX-Evil: b"}),
        json!({"token_type": ["Bearer"]}),
    ] {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| script.token = token.clone());
        let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
        assert_eq!(scene.browser.sign_in(&authorize_url).await.status, 400);
        let shown: String = token.to_string().chars().take(80).collect();
        assert_eq!(scene.api.session(&session).await["code"], "exchange_failed", "{shown}");
        assert_eq!(scene.connector().await["oauth"]["authorized"], false, "{shown}");
    }
}

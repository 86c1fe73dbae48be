//! Callbacks and launches that somebody made up, repeats, carries to another browser or sends too late.

use futures_util::future::join_all;
use http::header;
use keyway_tests::{
    api::Api,
    authorization_server::{AuthorizationServer, Consent, Iss},
    browser::Browser,
    client::client,
    keyway::Keyway,
    mcp_server::McpServer,
    process::Process,
    scene::{NOTES, Scene},
    settings::Settings,
};
use serde_json::json;

use crate::callback::with_parameter;

const QUERIES: &str = "keyway_database_queries_total{purpose=\"request\"}";

fn query(url: &url::Url, name: &str) -> String {
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.expect("the callback has it").1.into_owned()
}

#[tokio::test]
async fn a_page_of_another_site_cannot_answer_the_hand_shake() {
    let scene = Scene::tokens().await;
    let (authorize_url, _) = scene.api.start_sign_in(NOTES).await;
    for origin in ["https://evil.example", "null"] {
        let post = client(std::time::Duration::from_secs(10)).post(&authorize_url);
        let form = post.header(header::ORIGIN, origin).form(&[("session_token", "kwst_made_up")]);
        let answer = form.send().await.expect("keyway answers");
        assert_eq!(answer.status(), 403, "{origin}");
        assert!(!answer.headers().contains_key(header::SET_COOKIE));
    }
    assert!(scene.authorization_server.log().to("/authorize").is_empty());
}

#[tokio::test]
async fn each_window_finishes_its_own_sign_in_and_not_the_other_ones() {
    let scene = Scene::new().await;
    let (first, one) = scene.sign_in_up_to_callback().await;
    let other = Browser::of("alice");
    let (authorize_url, two) = scene.api.start_sign_in(NOTES).await;
    let second = other.sign_in_up_to(&authorize_url, "/oauth/callback").await;
    scene.browser.open(second.as_str()).await;
    other.open(first.as_str()).await;
    assert_eq!(scene.exchanges(), 0);
    scene.browser.open(first.as_str()).await;
    other.open(second.as_str()).await;
    for session in [one, two] {
        assert_eq!(scene.api.session(&session).await["status"], "finished");
    }
}

#[tokio::test]
async fn behind_https_the_flows_cookie_is_one_that_no_other_host_can_set() {
    let keyway = Keyway::start(Settings::tokens, |settings| {
        settings.set("KEYWAY_PUBLIC_URL", "https://keyway.example");
    })
    .await;
    let server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&server).await;
    let direct = format!("http://{}", keyway.running().listening);
    let api = keyway.api_of("alice");
    let send = |method, path: &str| {
        let request = api.request(method, "").build().expect("a request");
        let url = format!("{direct}{path}");
        let request = client(std::time::Duration::from_secs(10))
            .request(request.method().clone(), url)
            .headers(request.headers().clone());
        request.header(header::HOST, "keyway.example")
    };
    let connector = json!({"url": mcp.url(), "slug": NOTES, "auth_type": "oauth"});
    let made = api.send(send(http::Method::POST, "/api/v1/connectors").json(&connector)).await;
    made.expect(201);
    let held = send(http::Method::POST, "/api/v1/session-cookie").json(&json!({}));
    let session = api.send(held).await.header("set-cookie").unwrap_or_default().to_owned();
    let start = send(http::Method::POST, "/api/v1/connectors/notes/oauth/start").json(&json!({}));
    let launch = api.send(start).await.expect(200)["authorize_url"].clone();
    let path = launch.as_str().unwrap_or_default().replace("https://keyway.example", "");
    let cookie = session.split(';').next().unwrap_or_default();
    let opened = send(http::Method::GET, &path).header(header::COOKIE, cookie);
    let set = api.send(opened).await.header("set-cookie").unwrap_or_default().to_owned();
    assert!(set.starts_with("__Host-keyway-flow-"), "{set}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(attribute), "{attribute}: {set}");
    }
    assert!(!set.contains("Domain"), "{set}");
}

#[tokio::test]
async fn a_launch_that_comes_too_late_leads_nowhere() {
    let scene = Scene::new().await;
    let (authorize_url, _) = scene.api.start_sign_in(NOTES).await;
    scene.advance(601);
    let page = scene.browser.peek(&authorize_url).await;
    assert!(page.status.is_client_error(), "{}", page.status);
    assert!(page.location().is_none() && !page.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn a_state_of_any_other_shape_costs_no_query() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&server).await;
    let process = Process::serve(&Settings::single_user(&directory), &directory).await;
    process.api().create_oauth(NOTES, &mcp.url()).await;
    let (authorize_url, _) = process.api().start_sign_in(NOTES).await;
    let browser = Browser::of("alice");
    let callback = browser.sign_in_up_to(&authorize_url, "/oauth/callback").await;
    let state = query(&callback, "state");
    let (payload, signature) = state.split_once('.').expect("two parts");
    let mut shapes = vec![
        String::new(),
        payload.to_owned(),
        format!("{signature}.{payload}"),
        format!("{state}="),
        format!("{state}.{signature}"),
        state.replace('.', "%2E."),
        "x".repeat(60_000),
    ];
    for at in 0..state.len() {
        let mut flipped = state.clone().into_bytes();
        flipped[at] ^= 1;
        shapes.extend(String::from_utf8(flipped));
    }
    let before = process.metrics().await.value(QUERIES);
    for shape in &shapes {
        let page = browser.peek(&with_parameter(&callback, "state", Some(shape))).await;
        assert!(page.location().is_none_or(|to| to.path() == "/oauth/done/invalid"), "{shape}");
    }
    for odd in [format!("{callback}&state={state}"), format!("{callback}&state[]={state}&state=")] {
        browser.peek(&odd).await;
    }
    let queries = process.metrics().await.value(QUERIES) - before;
    assert!(queries.abs() < 0.5, "{queries} queries for {} forged states", shapes.len());
    assert!(server.log().token_requests().is_empty());
}

#[tokio::test]
async fn a_callback_for_a_connector_that_is_gone_stores_nothing() {
    let scene = Scene::new().await;
    let (callback, _) = scene.sign_in_up_to_callback().await;
    scene.api.delete("/api/v1/connectors/notes").await.expect(204);
    let page = scene.browser.open(callback.as_str()).await;
    assert_eq!(page.status, 400);
    assert_eq!(scene.exchanges(), 0);
    assert_eq!(scene.api.get("/api/v1/connectors").await.expect(200)["connectors"], json!([]));
}

#[tokio::test]
async fn every_other_spelling_of_iss_is_another_issuer() {
    let scene = Scene::with_issuer_at("/tenant").await;
    let issuer = scene.authorization_server.issuer().to_owned();
    let (callback, session) = scene.sign_in_up_to_callback().await;
    for other in [
        format!("{issuer}/"),
        issuer.replace("/tenant", "/%74enant"),
        issuer.replace("http", "HTTP"),
        String::new(),
    ] {
        let page = scene.browser.open(&with_parameter(&callback, "iss", Some(&other))).await;
        assert_eq!(page.status, 400, "{other}");
    }
    scene.browser.open(&with_parameter(&callback, "iss", None)).await;
    scene.browser.open(&format!("{callback}&iss={issuer}")).await;
    assert_eq!(scene.exchanges(), 0);
    assert_eq!(scene.api.session(&session).await["status"], "pending");
    scene.browser.open(callback.as_str()).await;
    assert_eq!(scene.api.session(&session).await["status"], "finished");
}

#[tokio::test]
async fn an_error_of_another_issuer_shows_nothing_and_ends_nothing() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.iss = Iss::Other("https://evil.example".to_owned());
        script.consent = Consent::Refuse("access_denied".to_owned());
    });
    let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
    let page = scene.browser.open(&authorize_url).await;
    assert!(!page.text.contains("denied") && !page.text.contains("refusal"), "{}", page.text);
    assert_eq!(scene.api.session(&session).await["status"], "pending");
}

#[tokio::test]
async fn a_code_that_somebody_saw_is_of_no_use_without_the_verifier() {
    let scene = Scene::new().await;
    let (callback, session) = scene.sign_in_up_to_callback().await;
    scene.browser.open(callback.as_str()).await;
    let request = scene.authorization_server.log().token_requests()[0].fields();
    let stolen = [
        ("grant_type", "authorization_code"),
        ("code", &query(&callback, "code")),
        ("redirect_uri", &request["redirect_uri"]),
        ("client_id", &request["client_id"]),
        ("code_verifier", "a-verifier-that-somebody-made-up-0123456789abcd"),
    ];
    let endpoint = format!("{}/token", scene.authorization_server.origin());
    let sent = client(std::time::Duration::from_secs(5)).post(endpoint).form(&stolen).send().await;
    assert_eq!(sent.expect("the server answers").status(), 400);
    assert_eq!(scene.api.session(&session).await["status"], "finished");
    scene.assert_works().await;
}

#[tokio::test]
async fn a_flood_of_forged_callbacks_keeps_nobody_from_finishing() {
    let scene = Scene::new().await;
    let (callback, session) = scene.sign_in_up_to_callback().await;
    let forged = with_parameter(&callback, "state", Some(&"A".repeat(88)));
    let flood = (0..500).map(|_| async {
        let page = scene.browser.peek(&forged).await;
        assert!(page.location().is_none_or(|to| to.path() == "/oauth/done/invalid"));
    });
    let (_, page) = tokio::join!(join_all(flood), scene.browser.open(callback.as_str()));
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(scene.api.session(&session).await["status"], "finished");
    assert_eq!(scene.exchanges(), 1);
}

#[tokio::test]
async fn whoever_sends_many_forged_callbacks_waits_and_an_honest_one_does_not() {
    let scene = Scene::new().await;
    let (callback, session) = scene.sign_in_up_to_callback().await;
    let forged = with_parameter(&callback, "state", Some("forged"));
    for _ in 0..60 {
        let page = scene.browser.peek(&forged).await;
        assert_eq!(page.location().expect("a redirect").path(), "/oauth/done/invalid");
    }
    let refused = scene.browser.peek(&forged).await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(refused.text.contains("belong to no sign-in"), "{}", refused.text);
    let page = scene.browser.open(callback.as_str()).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(scene.api.session(&session).await["status"], "finished");
    scene.advance(1);
    assert_eq!(scene.browser.peek(&forged).await.status, 303);
}

#[tokio::test]
async fn the_tokens_of_a_sign_in_go_to_the_user_who_began_it_whatever_credential_ended_meanwhile() {
    let scene = Scene::tokens().await;
    let bob: Api = scene.keyway.api_of("bob");
    bob.create_oauth(NOTES, &scene.mcp.url()).await;
    let (callback, session) = scene.sign_in_up_to_callback().await;
    scene.advance(300);
    scene.browser.open(callback.as_str()).await;
    assert_eq!(scene.api.session(&session).await["status"], "finished");
    assert_eq!(bob.get(&format!("/api/v1/authorization-sessions/{session}")).await.status, 404);
    assert_eq!(bob.connector(NOTES).await["state"], "sign_in_required");
    assert_eq!(scene.state().await.0, "ready");
}

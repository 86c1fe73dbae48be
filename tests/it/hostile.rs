//! Authorization servers whose metadata or registration is wrong, broken or hostile: the start of a
//! sign-in says so, and nothing is sent where it should not go.

use keyway_tests::{
    authorization_server::RegistrationPolicy,
    fault::Fault,
    scene::{NOTES, Scene},
};
use serde_json::{Value, json};

async fn start_with_metadata(metadata: Value) -> (u16, String) {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.metadata = metadata);
    scene.start().await.problem()
}

async fn start_with_fault(fault: Fault) -> (u16, String) {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.metadata_fault = Some(fault));
    scene.start().await.problem()
}

#[tokio::test]
async fn another_issuer_in_the_metadata_is_an_issuer_mismatch() {
    let scene = Scene::new().await;
    let issuer = scene.authorization_server.issuer().to_owned();
    for other in [
        "https://other.example",
        &format!("{issuer}/"),
        &issuer.to_uppercase(),
        &issuer.replace("http://", "https://"),
        &format!("{issuer}:443"),
    ] {
        scene.authorization_server.script(|script| script.metadata = json!({"issuer": other}));
        assert_eq!(scene.start().await.problem(), (502, "issuer_mismatch".to_owned()), "{other}");
    }
    assert!(scene.authorization_server.log().to("/register").is_empty());
}

#[tokio::test]
async fn endpoints_that_are_no_web_addresses_are_metadata_invalid() {
    for endpoint in ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "x", ""] {
        for name in ["authorization_endpoint", "token_endpoint"] {
            let outcome = start_with_metadata(json!({name: endpoint})).await;
            assert_eq!(outcome, (502, "metadata_invalid".to_owned()), "{name} {endpoint}");
        }
    }
}

#[tokio::test]
async fn an_authorization_endpoint_of_keyways_own_is_metadata_invalid() {
    let scene = Scene::new().await;
    let own = format!("{}/oauth/callback", scene.keyway.origin());
    scene.authorization_server.script(|script| {
        script.metadata = json!({"authorization_endpoint": own});
    });
    assert_eq!(scene.start().await.problem(), (502, "metadata_invalid".to_owned()));
}

#[tokio::test]
async fn an_authorization_endpoint_that_would_break_a_header_or_a_page_is_metadata_invalid() {
    let long = format!("https://as.example/{}", "x".repeat(1_000_000));
    for endpoint in [
        "https://as.example/\r\nSet-Cookie: a=b",
        "https://as.example/\"><script>",
        "https://as.example/<b>",
        &long,
    ] {
        let outcome = start_with_metadata(json!({"authorization_endpoint": endpoint})).await;
        assert_eq!(outcome, (502, "metadata_invalid".to_owned()));
    }
}

#[tokio::test]
async fn an_authorization_endpoint_that_a_shell_would_run_is_only_an_address() {
    let scene = Scene::new().await;
    let endpoint = format!("{}/authorize/$(calc)", scene.authorization_server.origin());
    scene.authorization_server.script(|script| {
        script.metadata = json!({"authorization_endpoint": endpoint});
    });
    let (authorize_url, _) = scene.api.start_sign_in(NOTES).await;
    let page = scene.browser.peek(&authorize_url).await;
    let locations: Vec<_> = page.headers.get_all("location").iter().collect();
    assert_eq!((page.status.as_u16(), locations.len()), (303, 1));
    assert!(locations[0].to_str().is_ok_and(|text| text.starts_with(&endpoint)));
    assert_eq!(page.headers.get_all("set-cookie").iter().count(), 1);
}

#[tokio::test]
async fn parameters_that_the_authorization_endpoint_brings_do_not_replace_ours() {
    let scene = Scene::new().await;
    let origin = scene.authorization_server.origin().to_owned();
    scene.authorization_server.script(|script| {
        let endpoint =
            format!("{origin}/authorize?state=evil&redirect_uri=https://evil.example&a=b");
        script.metadata = json!({"authorization_endpoint": endpoint});
    });
    scene.sign_in().await;
    let query = scene.authorization_server.log().to("/authorize")[0].query.clone();
    assert!(!query.contains("evil") && query.contains("a=b"), "{query}");
}

#[tokio::test]
async fn a_server_without_s256_is_pkce_unsupported() {
    for methods in [Value::Null, json!([]), json!(["plain"])] {
        let metadata = json!({"code_challenge_methods_supported": methods});
        assert_eq!(start_with_metadata(metadata).await, (502, "pkce_unsupported".to_owned()));
    }
}

#[tokio::test]
async fn metadata_that_is_a_web_page_is_no_metadata() {
    assert_eq!(start_with_fault(Fault::Html).await, (502, "metadata_invalid".to_owned()));
}

#[tokio::test]
async fn metadata_that_fails_is_said_to_fail() {
    for fault in [Fault::Status(500), Fault::Status(503), Fault::Reset, Fault::CloseMidBody] {
        let (status, code) = start_with_fault(fault.clone()).await;
        assert_eq!((status, code.as_str()), (504, "provider_unreachable"), "{fault:?}");
    }
}

#[tokio::test]
async fn metadata_that_never_comes_or_never_ends_is_given_up() {
    for fault in [Fault::Hang, Fault::Dribble] {
        let (status, code) = start_with_fault(fault.clone()).await;
        assert_eq!((status, code.as_str()), (504, "provider_unreachable"), "{fault:?}");
    }
}

#[tokio::test]
async fn metadata_of_fifty_megabytes_is_not_read_to_its_end() {
    let (status, code) = start_with_fault(Fault::Large(50_000_000)).await;
    assert_eq!((status, code.as_str()), (502, "metadata_invalid"));
}

#[tokio::test]
async fn metadata_that_redirects_inside_the_network_is_not_followed() {
    let scene = Scene::new().await;
    let to = "http://169.254.169.254/latest".to_owned();
    scene.authorization_server.script(|script| script.metadata_fault = Some(Fault::Redirect(to)));
    assert!(scene.start().await.status.as_u16() >= 400);
}

#[tokio::test]
async fn a_resource_of_another_origin_is_metadata_invalid() {
    let scene = Scene::new().await;
    scene.mcp.script(|script| script.metadata = json!({"resource": "https://other.example/mcp"}));
    assert_eq!(scene.start().await.problem(), (502, "metadata_invalid".to_owned()));
    assert!(scene.authorization_server.log().to("/register").is_empty());
}

#[tokio::test]
async fn a_refused_registration_says_so() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.registration_policy = RegistrationPolicy::Nobody;
    });
    assert_eq!(scene.start().await.problem(), (502, "registration_failed".to_owned()));
}

#[tokio::test]
async fn a_registration_for_other_redirect_uris_is_not_used() {
    for answer in [
        json!({"redirect_uris": ["https://evil.example/callback"]}),
        json!({"client_id": null}),
        json!({"client_id": "a\r\nb"}),
    ] {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| script.registration = answer.clone());
        let outcome = scene.start().await.problem();
        assert_eq!(outcome, (502, "registration_failed".to_owned()), "{answer}");
    }
}

#[tokio::test]
async fn a_registration_that_breaks_off_says_so() {
    for fault in [Fault::Html, Fault::Status(500), Fault::CloseMidBody, Fault::Large(50_000_000)] {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| script.registration_fault = Some(fault.clone()));
        let (status, code) = scene.start().await.problem();
        assert!(status == 502 || status == 504, "{fault:?}: {status} {code}");
    }
}

#[tokio::test]
async fn a_registration_is_used_again_until_its_secret_expires() {
    let scene = Scene::new().await;
    let end = scene.keyway.clock().now().as_seconds() + 3600;
    scene.authorization_server.script(|script| {
        script.registration_policy = RegistrationPolicy::ConfidentialOnly;
        script.registration = json!({"client_secret_expires_at": end});
    });
    scene.sign_in().await;
    scene.api.start(NOTES, json!({"force": true})).await.expect(200);
    assert_eq!(scene.authorization_server.log().to("/register").len(), 1);
    scene.advance(3601);
    scene.authorization_server.script(|script| script.registration = json!({}));
    scene.api.start(NOTES, json!({"force": true})).await.expect(200);
    assert_eq!(scene.authorization_server.log().to("/register").len(), 2);
}

#[tokio::test]
async fn a_connector_with_headers_is_not_oauth() {
    let scene = Scene::new().await;
    let connector = json!({"url": "https://notes.example/mcp", "slug": "plain",
        "auth_type": "headers"});
    scene.api.create(connector).await.expect(201);
    let answer = scene.api.start("plain", json!({})).await;
    assert_eq!(answer.problem(), (422, "not_oauth".to_owned()));
}

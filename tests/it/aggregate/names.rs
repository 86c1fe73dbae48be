//! What connectors' things are called beside those of others, and how a name leads back.

use std::sync::Arc;

use keyway_tests::{
    keyway::Keyway,
    mcp_server::{Eras, descriptor, text_result},
    wire_client::{HANDSHAKE, STATELESS, WireClient},
};
use serde_json::json;

use super::{client, serve, text};

#[tokio::test]
async fn lists_go_by_slug_and_then_by_the_servers_order_over_all_pages() {
    let keyway = Keyway::single_user().await;
    let mail = serve(&keyway.api(), "mail", Eras::Both).await;
    let drive = serve(&keyway.api(), "drive", Eras::Both).await;
    for server in [&mail, &drive] {
        server.script(|script| {
            script.tools = ["zeta", "alpha", "mid"].map(|name| descriptor(name, "{}", "")).into();
            script.page_size = Some(1);
        });
    }
    let shown = client(&keyway.api(), STATELESS).await.names("tools/list", "name").await;
    let wanted =
        ["drive__zeta", "drive__alpha", "drive__mid", "mail__zeta", "mail__alpha", "mail__mid"];
    assert_eq!(shown, wanted);
}

#[tokio::test]
async fn a_name_that_does_not_fit_and_one_with_two_underscores_lead_back() {
    for version in [HANDSHAKE, STATELESS] {
        let keyway = Keyway::single_user().await;
        let server = serve(&keyway.api(), "notes", Eras::Both).await;
        server.script(|script| {
            for name in ["søk", "list__all.v1"] {
                script.tools.push(descriptor(name, r#"{"type":"object"}"#, ""));
                let told = text_result(name);
                script.handlers.insert(name.into(), Arc::new(move |_| told.clone()));
            }
        });
        let client = client(&keyway.api(), version).await;
        let shown = client.names("tools/list", "name").await;
        let changed = shown.iter().find(|name| name.starts_with("notes__s_k_")).expect("a name");
        assert_eq!(changed.len(), "notes__s_k_".len() + 12);
        assert_eq!(text(&client.call(changed, json!({})).await), "søk");
        let plain = client.call("notes__list__all.v1", json!({})).await;
        assert_eq!(text(&plain), "list__all.v1");
    }
}

#[tokio::test]
async fn resources_have_their_connector_in_their_address_wherever_it_is_shown() {
    let keyway = Keyway::single_user().await;
    let server = serve(&keyway.api(), "notes", Eras::Both).await;
    let templates = r#""result":{"resourceTemplates":[{"uriTemplate":"notes://{id}","name":"n"}]}"#;
    let link = r#""content":[{"type":"resource_link","uri":"notes://two","name":"two"}]"#;
    server.script(|script| {
        script.replies.insert("resources/templates/list".into(), templates.into());
        script.handlers.insert("echo".into(), Arc::new(move |_| link.into()));
    });
    let client = client(&keyway.api(), HANDSHAKE).await;
    assert_eq!(client.names("resources/list", "uri").await, ["kw-notes+notes://one"]);
    let templates = client.names("resources/templates/list", "uriTemplate").await;
    assert_eq!(templates, ["kw-notes+notes://{id}"]);
    let read = client.result("resources/read", json!({"uri": "kw-notes+notes://one"})).await;
    assert_eq!(read["contents"][0]["uri"], "kw-notes+notes://one");
    assert_eq!(server.log().rpc("resources/read")[0].json()["params"]["uri"], "notes://one");
    let called = client.call("notes__echo", json!({})).await;
    assert_eq!(called["content"][0]["uri"], "kw-notes+notes://two");
}

#[tokio::test]
async fn a_completion_names_prompt_and_template_as_the_server_knows_them() {
    let keyway = Keyway::single_user().await;
    let server = serve(&keyway.api(), "notes", Eras::Both).await;
    let completed = r#""result":{"completion":{"values":["a"]}}"#;
    server.script(|script| {
        script.replies.insert("completion/complete".into(), completed.into());
    });
    let client = client(&keyway.api(), HANDSHAKE).await;
    for reference in [
        json!({"type": "ref/prompt", "name": "notes__summary"}),
        json!({"type": "ref/resource", "uri": "kw-notes+notes://{id}"}),
    ] {
        let params = json!({"ref": reference, "argument": {"name": "id", "value": "o"}});
        let result = client.result("completion/complete", params).await;
        assert_eq!(result["completion"]["values"][0], "a");
    }
    let seen = server.log().rpc("completion/complete");
    assert_eq!(seen[0].json()["params"]["ref"]["name"], "summary");
    assert_eq!(seen[1].json()["params"]["ref"]["uri"], "notes://{id}");
}

#[tokio::test]
async fn names_of_a_single_connector_can_stay_as_they_are() {
    let keyway = Keyway::single_user().await;
    let _notes = serve(&keyway.api(), "notes", Eras::Both).await;
    let address = "/mcp?connectors=notes&names=plain";
    let client = WireClient::connect(&keyway.api(), address, STATELESS, json!({})).await;
    assert_eq!(client.names("prompts/list", "name").await, ["summary"]);
    assert_eq!(text(&client.call("whoami", json!({})).await), "nobody");
    let both = WireClient::connect(&keyway.api(), "/mcp", STATELESS, json!({})).await;
    assert_eq!(both.names("prompts/list", "name").await, ["notes__summary"]);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_refused_without_asking_anybody() {
    let keyway = Keyway::single_user().await;
    let server = serve(&keyway.api(), "notes", Eras::Both).await;
    for version in [HANDSHAKE, STATELESS] {
        let client = client(&keyway.api(), version).await;
        for name in ["echo", "other__echo", "No Slug__echo", ""] {
            let answer = client.ask("tools/call", json!({"name": name, "arguments": {}})).await;
            assert_eq!(answer["error"]["code"], -32602, "{name} {answer}");
        }
        let code = if version == STATELESS { -32602 } else { -32002 };
        for uri in ["notes://one", "kw-notes", "kw-other+notes://one"] {
            let answer = client.ask("resources/read", json!({"uri": uri})).await;
            assert_eq!(answer["error"]["code"], code, "{uri} {answer}");
        }
    }
    assert!(server.log().is_empty());
}

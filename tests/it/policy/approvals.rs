//! Calls that wait for a person, and who decides about them.

use std::time::Duration;

use keyway_tests::{
    api::Credentials,
    mcp_server::Eras,
    scene::NOTES,
    wire_client::{STATELESS, WireClient},
};
use serde_json::{Value, json};

use super::{Stage, approval_id, change, decide};

#[tokio::test]
async fn an_approval_for_once_lets_exactly_one_call_through() {
    let stage = Stage::new().await;
    stage.mode("echo", "ask").await;
    let id = stage.ask("echo", json!({"a": 1})).await;
    assert_eq!(stage.ask("echo", json!({"a": 1})).await, id, "it waits under one id");
    assert_eq!(stage.calls(), 0);
    decide(&stage.api, &id, "once").await.expect(200);
    let done = stage.call_approved("echo", json!({"a": 1}), &id).await.expect(200);
    assert_eq!(done["structuredContent"], json!({"a": 1}));
    let again = stage.call_approved("echo", json!({"a": 1}), &id).await;
    assert_ne!(approval_id(&again), id, "used up");
    assert_eq!(stage.calls(), 1);
}

#[tokio::test]
async fn an_approval_is_named_in_the_meta_of_a_call_at_the_mcp_doors() {
    let other = "01a1fe04-b229-74eb-a7a6-b3ca399b3747";
    for (door, tool) in [("", "notes__echo"), (NOTES, "echo")] {
        let stage = Stage::new().await;
        stage.mode("echo", "ask").await;
        let mut client = stage.api.mcp(door);
        client.initialize().await.expect(200);
        let call = async |named: &str| {
            let meta = json!({"keyway/approval": named});
            let params = json!({"name": tool, "arguments": {"a": 1}, "_meta": meta});
            client.request("tools/call", &params.to_string()).await
        };
        let id = stage.ask("echo", json!({"a": 1})).await;
        decide(&stage.api, &id, "once").await.expect(200);
        let refused = call(other).await.expect(200);
        assert_eq!(refused["result"]["structuredContent"]["approval_id"], id, "{refused}");
        assert!(call("mine").await.text().contains("keyway/approval"), "it is told what is wrong");
        assert_eq!(stage.calls(), 0);
        let done = call(&id).await.expect(200);
        assert_eq!(done["result"]["structuredContent"], json!({"a": 1}), "{done}");
        let again = call(&id).await.expect(200);
        assert_ne!(again["result"]["structuredContent"]["approval_id"], id, "used up: {again}");
        assert_eq!(stage.calls(), 1);
    }
}

#[tokio::test]
async fn who_approved_a_call_once_approved_all_of_its_rounds() {
    let stage = Stage::new().await;
    stage.mcp.script(|script| script.eras = Eras::Stateless);
    stage.mode("ask", "ask").await;
    let able = json!({"elicitation": {"form": {}}});
    let client = WireClient::connect(&stage.api, "/mcp", STATELESS, able).await;
    let answers = json!({"who": {"action": "accept", "content": {"name": "Ana"}}});
    for over_rest in [true, false] {
        let id = stage.ask("ask", json!({})).await;
        decide(&stage.api, &id, "once").await.expect(200);
        let call = async |round: Value| {
            let mut call = json!({"name": "notes__ask", "arguments": {}});
            if over_rest {
                call["approval_id"] = json!(id);
                call["request_state"] = round["requestState"].clone();
                call["input_responses"] = round["inputResponses"].clone();
                return stage.api.post("/api/v1/tools/call", call).await.json();
            }
            call["_meta"] = json!({"keyway/approval": id});
            for (name, value) in round.as_object().into_iter().flatten() {
                call[name] = value.clone();
            }
            client.result("tools/call", call).await
        };
        let asked = call(json!({})).await;
        assert_eq!(asked["resultType"], "input_required", "{asked}");
        let made_up = call(json!({"inputResponses": answers, "requestState": "mine"})).await;
        assert!(made_up.to_string().contains("approval_needed"), "{made_up}");
        let next = json!({"inputResponses": answers, "requestState": asked["requestState"]});
        let done = call(next.clone()).await;
        assert!(done["content"][0]["text"].as_str().unwrap_or_default().contains("Ana"), "{done}");
        let again = call(next).await;
        assert!(again.to_string().contains("approval_needed"), "{again}");
    }
    assert_eq!(stage.calls(), 4);
}

#[tokio::test]
async fn of_many_calls_at_once_an_approval_for_once_lets_one_through() {
    let stage = Stage::new().await;
    stage.mode("echo", "ask").await;
    let id = stage.ask("echo", json!({})).await;
    decide(&stage.api, &id, "once").await.expect(200);
    let calls = (0..20).map(|_| stage.call_approved("echo", json!({}), &id));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(stage.calls(), 1);
}

#[tokio::test]
async fn an_approval_is_for_these_arguments_and_this_tool() {
    let stage = Stage::new().await;
    for tool in ["echo", "whoami"] {
        stage.mode(tool, "ask").await;
    }
    let id = stage.ask("echo", json!({"amount": 1})).await;
    decide(&stage.api, &id, "always").await.expect(200);
    for (tool, arguments) in [
        ("echo", json!({"amount": 1000})),
        ("echo", json!({"amount": "1"})),
        ("echo", json!({"amount": 1, "more": true})),
        ("whoami", json!({"amount": 1})),
    ] {
        assert_ne!(approval_id(&stage.call_approved(tool, arguments, &id).await), id);
    }
    let twice = r#"{"connector":"notes","tool":"echo","arguments":{"amount":1,"amount":9}}"#;
    approval_id(&stage.api.post_text("/api/v1/tools/call", twice).await);
    assert_eq!(stage.calls(), 0);
    let spaced = r#"{"connector":"notes","tool":"echo","arguments":{ "amount" : 1 }}"#;
    stage.api.post_text("/api/v1/tools/call", spaced).await.expect(200);
    stage.api.call(NOTES, "echo", json!({"amount": 1})).await.expect(200);
}

#[tokio::test]
async fn a_denied_call_stays_denied_until_the_mode_is_set_anew() {
    let stage = Stage::new().await;
    stage.mode("echo", "ask").await;
    let id = stage.ask("echo", json!({})).await;
    decide(&stage.api, &id, "deny").await.expect(200);
    let refused = stage.call_approved("echo", json!({}), &id).await;
    assert_eq!((refused.problem().0, &refused.json()["denied"]), (403, &json!(true)));
    assert_eq!(approval_id(&refused), id, "nobody is asked again");
    assert_eq!(stage.api.get("/api/v1/approvals").await.expect(200), json!({"approvals": []}));
    stage.mode("echo", "ask").await;
    assert_ne!(stage.ask("echo", json!({})).await, id);
}

#[tokio::test]
async fn a_call_is_decided_about_once_and_in_time() {
    let stage = Stage::new().await;
    stage.mode("echo", "ask").await;
    let id = stage.ask("echo", json!({})).await;
    decide(&stage.api, &id, "once").await.expect(200);
    assert_eq!(decide(&stage.api, &id, "always").await.problem(), (409, "conflict".to_owned()));
    let late = stage.ask("echo", json!({"late": true})).await;
    stage.keyway.advance(Duration::from_secs(901));
    assert_eq!(decide(&stage.api, &late, "once").await.problem(), (409, "conflict".to_owned()));
    let again = stage.call_approved("echo", json!({}), &id).await;
    assert_ne!(approval_id(&again), id, "not called in time");
    assert_eq!(stage.calls(), 0);
}

#[tokio::test]
async fn only_a_session_of_the_user_decides() {
    let stage = Stage::tokens().await;
    stage.mode("echo", "ask").await;
    let id = stage.ask("echo", json!({})).await;
    let by_jwt = decide(&stage.api, &id, "once").await;
    assert_eq!(by_jwt.problem(), (401, "unauthenticated".to_owned()));
    let bob = stage.session_of(&stage.keyway.api_of("bob")).await;
    assert_eq!(decide(&bob, &id, "once").await.problem(), (404, "not_found".to_owned()));
    assert_eq!(bob.get("/api/v1/approvals").await.expect(200), json!({"approvals": []}));
    let nobody = stage.api.with(Credentials::None);
    assert_eq!(decide(&nobody, &id, "once").await.problem().0, 401);
    let alice = stage.session_of(&stage.api).await;
    decide(&alice, &id, "once").await.expect(200);
    stage.call_approved("echo", json!({}), &id).await.expect(200);
}

#[tokio::test]
async fn another_users_approval_lets_nothing_through() {
    let stage = Stage::tokens().await;
    stage.mode("echo", "ask").await;
    let id = stage.ask("echo", json!({})).await;
    decide(&stage.session_of(&stage.api).await, &id, "always").await.expect(200);
    let bob = stage.keyway.api_of("bob");
    let connector = json!({"url": stage.mcp.url(), "slug": NOTES, "auth_type": "headers"});
    bob.create(connector).await.expect(201);
    change(&bob, "echo", json!({"mode": "ask"})).await.expect(200);
    let call = json!({"connector": NOTES, "tool": "echo", "arguments": {}, "approval_id": id});
    approval_id(&bob.post("/api/v1/tools/call", call).await);
    assert_eq!(stage.calls(), 0);
}

#[tokio::test]
async fn an_approval_ends_with_the_connection_it_was_given_for() {
    let stage = Stage::new().await;
    stage.mode("echo", "ask").await;
    let id = stage.ask("echo", json!({})).await;
    decide(&stage.api, &id, "always").await.expect(200);
    stage.api.call(NOTES, "echo", json!({})).await.expect(200);
    let path = format!("/api/v1/connectors/{NOTES}");
    let key = json!({"headers": {"X-Account": "another"}});
    stage.api.patch(&path, key).await.expect(200);
    assert_ne!(stage.ask("echo", json!({})).await, id);
    assert_eq!(stage.calls(), 1);
}

#[tokio::test]
async fn what_waits_is_listed_with_its_arguments() {
    let stage = Stage::new().await;
    stage.mode("echo", "ask").await;
    let id = stage.ask("echo", json!({"to": "ana"})).await;
    stage.keyway.advance(Duration::from_millis(1));
    let long = "x".repeat(100_000);
    stage.ask("echo", json!({"to": long})).await;
    let listed = stage.api.get("/api/v1/approvals").await.expect(200);
    let first = &listed["approvals"][0];
    assert_eq!((&first["id"], &first["tool"]), (&json!(id), &json!("echo")));
    assert_eq!(
        (&first["connector"], &first["arguments"]),
        (&json!(NOTES), &json!(r#"{"to":"ana"}"#))
    );
    let second = &listed["approvals"][1];
    assert_eq!(second["arguments_size"], 100_009);
    assert_eq!(second["arguments"].as_str().expect("text").len(), 64 * 1024);
}

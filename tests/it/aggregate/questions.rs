//! What servers ask while they work, on both wires: handed to the client in its own way, and the answer
//! back; and what becomes of a question's name in the wrong hands.

use keyway_tests::{
    api::Api,
    keyway::Keyway,
    mcp_server::{Eras, McpServer},
    wire_client::{HANDSHAKE, STATELESS, VERSIONS, WireClient},
};
use serde_json::{Value, json};

use super::{able, able_client, serve, text};

const QUESTION: &str = r#""method":"elicitation/create","params":{"mode":"form","message":"Who?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}"#;

/// A server whose tool `ask` asks, on either wire.
async fn asking(api: &Api, eras: Eras) -> McpServer {
    let server = serve(api, "notes", eras).await;
    server.script(|script| script.question = Some(QUESTION.into()));
    server
}

fn ask() -> Value {
    json!({"name": "notes__ask", "arguments": {}})
}

/// The retry that answers the questions of an `input_required` result.
fn retry(required: &Value) -> Value {
    assert_eq!(required["resultType"], "input_required", "{required}");
    let asked = required["inputRequests"].as_object().expect("questions");
    let accepted = json!({"action": "accept", "content": {"name": "ann"}});
    let answers: Value = asked.keys().map(|key| (key.clone(), accepted.clone())).collect();
    let mut retry = ask();
    retry["inputResponses"] = answers;
    retry["requestState"] = required["requestState"].clone();
    retry
}

#[tokio::test]
async fn a_question_is_put_in_the_way_of_the_clients_wire_and_answered_in_the_servers() {
    for eras in [Eras::Handshake, Eras::Stateless] {
        let keyway = Keyway::single_user().await;
        let _server = asking(&keyway.api(), eras).await;
        for version in VERSIONS {
            let client = able_client(&keyway.api(), version).await;
            let result = if version == STATELESS {
                let required = client.result("tools/call", ask()).await;
                client.result("tools/call", retry(&required)).await
            } else {
                let mut messages = client.open("tools/call", ask()).await;
                let question = messages.until("elicitation/create").await;
                assert_eq!(question["params"]["message"], "Who?", "{version}");
                let answer = json!({"action": "accept", "content": {"name": "ann"}});
                client.answer(&question, answer).await.expect(202);
                messages.last().await["result"].clone()
            };
            assert!(text(&result).contains("ann"), "{version} {eras:?} {result}");
        }
    }
}

#[tokio::test]
async fn a_parked_question_is_answered_once() {
    let keyway = Keyway::single_user().await;
    let server = asking(&keyway.api(), Eras::Handshake).await;
    let client = able_client(&keyway.api(), STATELESS).await;
    let retry = retry(&client.result("tools/call", ask()).await);
    assert!(text(&client.result("tools/call", retry.clone()).await).contains("ann"));
    let replayed = client.result("tools/call", retry).await;
    assert_eq!(replayed["isError"], true);
    assert!(text(&replayed).contains("begin again"), "{replayed}");
    assert_eq!(server.log().rpc("tools/call").len(), 1);
}

#[tokio::test]
async fn a_question_cannot_be_answered_by_others_for_others_or_changed() {
    let keyway = Keyway::tokens().await;
    let (alice, bob) = (keyway.api_of("alice"), keyway.api_of("bob"));
    let server = asking(&alice, Eras::Handshake).await;
    let _bobs = asking(&bob, Eras::Handshake).await;
    let client = able_client(&alice, STATELESS).await;
    let good = retry(&client.result("tools/call", ask()).await);
    let state = good["requestState"].as_str().expect("a state").to_owned();
    let (mut changed, mut other) = (good.clone(), good.clone());
    changed["requestState"] = format!("{}{}", &state[..state.len() - 4], "AAAA").into();
    other["arguments"] = json!({"more": 1});
    let elsewhere = client.moved(&alice, "/mcp?connectors=notes");
    for (who, params) in [
        (&client, &changed),
        (&client, &other),
        (&client.moved(&bob, "/mcp"), &good),
        (&elsewhere, &good),
    ] {
        let answer = who.ask("tools/call", params.clone()).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
    assert!(text(&client.result("tools/call", good).await).contains("ann"));
    assert_eq!(server.log().rpc("tools/call").len(), 1, "nothing else went to the server");
}

#[tokio::test]
async fn a_client_is_not_asked_for_what_it_did_not_declare() {
    for (eras, version) in [
        (Eras::Handshake, HANDSHAKE),
        (Eras::Handshake, STATELESS),
        (Eras::Stateless, HANDSHAKE),
        (Eras::Stateless, STATELESS),
    ] {
        let keyway = Keyway::single_user().await;
        let _server = asking(&keyway.api(), eras).await;
        let declared = json!({"sampling": {}, "elicitation": {"url": {}}});
        let client = WireClient::connect(&keyway.api(), "/mcp", version, declared).await;
        let messages = client.exchange("tools/call", ask()).await;
        assert_eq!(messages.len(), 1, "{eras:?} {version} {messages:?}");
        assert_ne!(messages[0]["result"]["resultType"], "input_required", "{eras:?} {version}");
    }
}

#[tokio::test]
async fn a_declined_and_a_made_up_answer_are_told_as_they_are() {
    let keyway = Keyway::single_user().await;
    let _server = asking(&keyway.api(), Eras::Handshake).await;
    let client = WireClient::connect(&keyway.api(), "/mcp", HANDSHAKE, able()).await;
    let mut messages = client.open("tools/call", ask()).await;
    let question = messages.until("elicitation/create").await;
    let made_up = client.answer(&json!({"id": "keyway-999"}), json!({"action": "accept"})).await;
    assert_eq!(made_up.expect(400)["error"]["code"], -32600);
    client.answer(&question, json!({"action": "decline"})).await.expect(202);
    assert_eq!(text(&messages.last().await["result"]), r#"{"action":"decline"}"#);
}

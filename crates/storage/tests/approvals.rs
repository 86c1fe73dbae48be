//! Approvals.

use std::time::Duration;

use keyway_model::{
    ApprovalId, ApprovedCall, AskedCall, AuthType, Connector, ConnectorState, Decision, Standing,
    ToolMode,
};
use secrecy::{ExposeSecret, SecretString};

use crate::bench::{Bench, ana, bob, on_both};

const WAIT: Duration = Duration::from_secs(900);

/// A call of one of the connector's tools.
pub(crate) fn call(connector: &Connector) -> ApprovedCall {
    ApprovedCall {
        user_id: connector.user_id.clone(),
        connector_id: connector.id,
        revision: connector.revision,
        tool: "delete".into(),
        arguments_hash: vec![1; 32],
        descriptor_hash: vec![2; 32],
    }
}

/// How the call stands; it waits from now on where nobody decided about it.
pub(crate) async fn stand(
    bench: &Bench,
    call: &ApprovedCall,
    named: Option<ApprovalId>,
) -> Standing {
    stand_in_round(bench, (call, None), named).await
}

async fn stand_in_round(
    bench: &Bench,
    (call, round): (&ApprovedCall, Option<&ApprovedCall>),
    named: Option<ApprovalId>,
) -> Standing {
    let now = bench.options.clock.now();
    let asked = AskedCall {
        call,
        round,
        named,
        is_held: false,
        new_id: ApprovalId::new(now, &bench.random),
        arguments: &SecretString::from(r#"{"canary":1}"#),
        arguments_size: 12,
        now,
        expires_at: now.plus(WAIT),
    };
    bench.database.approval_standing(&asked).await.unwrap()
}

async fn decide(bench: &Bench, id: ApprovalId, decision: Decision) -> bool {
    let now = bench.options.clock.now();
    let approval = bench.database.approval(&ana(), id).await.unwrap().unwrap();
    bench.database.decide_approval(&approval, decision, now, now.plus(WAIT)).await.unwrap()
}

async fn waiting(bench: &Bench) -> usize {
    let now = bench.options.clock.now();
    bench.database.waiting_approvals(&ana(), now).await.unwrap().len()
}

fn id(standing: Standing) -> ApprovalId {
    let Standing::Waiting(id) = standing else { panic!("{standing:?}") };
    id
}

on_both! {
    async fn a_call_waits_under_one_id_until_it_is_decided(bench) {
        let call = call(&bench.connector().await);
        let first = id(stand(bench, &call, None).await);
        assert_eq!(stand(bench, &call, None).await, Standing::Waiting(first));
        let stored = bench.database.approval(&ana(), first).await.unwrap().unwrap();
        assert_eq!((&stored.call, stored.decision), (&call, None));
        assert_eq!(stored.arguments.expose_secret(), r#"{"canary":1}"#);
        assert!(bench.database.approval(&bob(), first).await.unwrap().is_none(), "not Bob's");
        assert_eq!(waiting(bench).await, 1);
        assert!(decide(bench, first, Decision::Once).await);
        assert!(!decide(bench, first, Decision::Deny).await, "decided once");
        assert_eq!(waiting(bench).await, 0);
    }

    async fn an_approval_for_once_admits_one_call(bench) {
        let call = call(&bench.connector().await);
        let first = id(stand(bench, &call, None).await);
        decide(bench, first, Decision::Once).await;
        let other = ApprovalId::new(bench.options.clock.now(), &bench.random);
        assert_eq!(stand(bench, &call, Some(other)).await, Standing::Waiting(first));
        assert_eq!(stand(bench, &call, Some(first)).await, Standing::ApprovedOnce(first));
        let second = id(stand(bench, &call, Some(first)).await);
        assert_ne!(second, first);
        assert!(bench.database.approval(&ana(), first).await.unwrap().is_none(), "used up");
    }

    async fn a_round_of_an_approved_call_is_admitted_once_and_in_time(bench) {
        let call = call(&bench.connector().await);
        let round = ApprovedCall { arguments_hash: vec![3; 32], ..call.clone() };
        let id = ApprovalId::new(bench.options.clock.now(), &bench.random);
        let approve = async || {
            let now = bench.options.clock.now();
            bench.database.approve_round(id, &round, now, now.plus(WAIT)).await.unwrap();
        };
        approve().await;
        approve().await;
        assert_eq!(waiting(bench).await, 0, "nobody is asked");
        let other = ApprovalId::new(bench.options.clock.now(), &bench.random);
        let of_other = stand_in_round(bench, (&call, Some(&round)), Some(other)).await;
        assert!(matches!(of_other, Standing::Waiting(_)), "{of_other:?}");
        let admitted = stand_in_round(bench, (&call, Some(&round)), Some(id)).await;
        assert_eq!(admitted, Standing::ApprovedOnce(id));
        let again = stand_in_round(bench, (&call, Some(&round)), None).await;
        assert!(matches!(again, Standing::Waiting(_)), "{again:?}");
        approve().await;
        bench.hand.advance(WAIT);
        let late = stand_in_round(bench, (&call, Some(&round)), None).await;
        assert!(matches!(late, Standing::Waiting(_)), "{late:?}");
    }

    async fn always_and_deny_hold_for_this_very_call(bench) {
        let call = call(&bench.connector().await);
        for (decision, standing) in [(Decision::Always, true), (Decision::Deny, false)] {
            let call = ApprovedCall { tool: decision.to_string(), ..call.clone() };
            let waits = id(stand(bench, &call, None).await);
            decide(bench, waits, decision).await;
            bench.hand.advance(Duration::from_secs(90 * 24 * 3600));
            for _ in 0..2 {
                let expected = if standing { Standing::Approved } else { Standing::Denied(waits) };
                assert_eq!(stand(bench, &call, None).await, expected);
            }
            for other in [
                ApprovedCall { arguments_hash: vec![9; 32], ..call.clone() },
                ApprovedCall { descriptor_hash: vec![9; 32], ..call.clone() },
                ApprovedCall { revision: 2, ..call.clone() },
            ] {
                assert_ne!(id(stand(bench, &other, None).await), waits, "{other:?}");
            }
        }
    }

    async fn what_nobody_decides_in_time_is_asked_anew(bench) {
        let call = call(&bench.connector().await);
        let first = id(stand(bench, &call, None).await);
        bench.hand.advance(WAIT);
        assert!(!decide(bench, first, Decision::Always).await, "it is over");
        assert_eq!(waiting(bench).await, 0);
        assert_ne!(id(stand(bench, &call, None).await), first);
    }

    async fn the_calls_that_wait_are_bounded(bench) {
        let call = call(&bench.connector().await);
        let first = id(stand(bench, &call, None).await);
        for number in 0..70_u8 {
            bench.hand.advance(Duration::from_millis(1));
            let arguments_hash = vec![number, 0];
            stand(bench, &ApprovedCall { arguments_hash, ..call.clone() }, None).await;
        }
        assert_eq!(waiting(bench).await, 64);
        assert!(bench.database.approval(&ana(), first).await.unwrap().is_none(), "the oldest went");
    }

    async fn setting_a_mode_forgets_what_was_decided(bench) {
        let connector = bench.connector().await;
        let call = call(&connector);
        let first = id(stand(bench, &call, None).await);
        decide(bench, first, Decision::Always).await;
        let set = async |user, mode| {
            bench.database.set_tool_mode(&user, connector.id, "delete", mode).await.unwrap()
        };
        assert_eq!(set(bob(), ToolMode::Off).await, None);
        assert_eq!(stand(bench, &call, None).await, Standing::Approved);
        let modes = set(ana(), ToolMode::Ask).await.unwrap();
        assert_eq!(modes.of("delete"), ToolMode::Ask);
        let [stored] = &bench.database.connectors_of(&ana()).await.unwrap()[..] else { panic!() };
        assert_eq!((&stored.tool_modes, stored.revision), (&modes, connector.revision));
        assert_ne!(id(stand(bench, &call, None).await), first);
    }

    async fn approvals_that_are_over_or_of_another_revision_are_deleted(bench) {
        let connector = bench.connector().await;
        let call = call(&connector);
        let past = id(stand(bench, &call, None).await);
        bench.hand.advance(WAIT + WAIT);
        let always = ApprovedCall { tool: "always".into(), ..call.clone() };
        let lasting = id(stand(bench, &always, None).await);
        decide(bench, lasting, Decision::Always).await;
        let now = bench.options.clock.now();
        assert_eq!(bench.database.delete_past_approvals(now).await.unwrap(), 1);
        assert!(bench.database.approval(&ana(), past).await.unwrap().is_none());
        assert!(bench.database.approval(&ana(), lasting).await.unwrap().is_some());
        bench.database.set_state(&ana(), connector.id, ConnectorState::Ready, None, &[]).await.unwrap();
        assert_eq!(bench.database.delete_past_approvals(now).await.unwrap(), 1);
    }

    async fn approvals_go_with_their_connector(bench) {
        let connector = bench.new_connector(&ana(), "other", AuthType::Headers);
        bench.database.insert_connector(&connector, &[], None, &[]).await.unwrap();
        let waits = id(stand(bench, &call(&connector), None).await);
        bench.database.delete_connector(&ana(), connector.id).await.unwrap();
        assert!(bench.database.approval(&ana(), waits).await.unwrap().is_none());
    }
}

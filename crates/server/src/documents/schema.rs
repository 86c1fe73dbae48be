//! Schemas of values that are texts on the wire and types in the code.

use keyway_model::{
    Action, Actor, AuthType, ConnectorState, Decision, FailureCode, GrantType, HealthStatus,
    RegistrationKind, ToolMode,
};
use utoipa::openapi::{
    RefOr,
    schema::{Object, ObjectBuilder, Schema, SchemaType, Type},
};

fn one_of(
    kind: impl Into<SchemaType>,
    values: impl Iterator<Item = &'static str>,
) -> RefOr<Schema> {
    let object: Object = ObjectBuilder::new().schema_type(kind).enum_values(Some(values)).build();
    object.into()
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident, $type:ty;)+) => {
        $($(#[$doc])*
        pub(crate) fn $name() -> RefOr<Schema> {
            one_of(Type::String, <$type>::ALL.iter().map(|value| value.as_str()))
        })+
    };
}

texts! {
    auth_type, AuthType;
    connector_state, ConnectorState;
    grant_type, GrantType;
    health_status, HealthStatus;
    failure_code, FailureCode;
    actor, Actor;
    action, Action;
    tool_mode, ToolMode;
    decision, Decision;
}

/// A registration's kind, or null where there is none.
pub(crate) fn registration() -> RefOr<Schema> {
    let kinds = RegistrationKind::ALL.iter().map(|value| Some(value.as_str()));
    let object: Object = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(kinds.chain([None])))
        .build();
    object.into()
}

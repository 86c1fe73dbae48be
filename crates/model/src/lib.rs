//! What Keyway is about: users, connectors, client registrations, authorization sessions and grants,
//! as plain data with the rules that hold for them. No I/O, no database, no HTTP.

pub mod activity;
pub mod authorization_session;
pub mod clock;
pub mod connector;
pub mod grant;
pub mod id;
pub mod policy;
pub mod random;
pub mod registration;
mod text;
pub mod user;

pub use activity::{Action, Activity, Actor};
pub use authorization_session::{AuthorizationSession, FailureCode, SessionStatus};
pub use clock::{Clock, ManualClock, Timestamp};
pub use connector::{
    AuthType, Connector, ConnectorKey, ConnectorRef, ConnectorState, GrantSecret, GrantType,
    Health, HealthStatus, IdentityProvider, OAuthSettings, Slug, StateReason,
};
pub use grant::{Grant, RefreshAttempt};
pub use id::{
    ActivityId, ApprovalId, AuthorizationSessionId, BrowserSessionId, ConnectorId, PersonalTokenId,
    RegistrationId, RevocationId, ServiceKeyId, SignInId,
};
pub use policy::{
    Approval, ApprovedCall, AskedCall, Decision, Descriptor, SeenDescriptor, Standing, ToolMode,
    ToolModes,
};
pub use random::Random;
pub use registration::{ClientRegistration, RegistrationKind};
pub use text::UnknownText;
pub use user::{Caller, CallerKind, UserId};

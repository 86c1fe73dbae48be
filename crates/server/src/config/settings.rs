//! The names, defaults and meanings of all settings. `.env.example` is held to this table by a test.

/// One setting of the process.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What holds where it is not set; empty where there is no default.
    pub default: &'static str,
    /// Whether it may be given as the content of a file, named by the variable with `_FILE` behind it.
    pub secret: bool,
}

macro_rules! settings {
    ($($ident:ident = $name:literal, $default:literal, $secret:literal;)+) => {
        $(pub(super) const $ident: Setting =
            Setting { name: $name, default: $default, secret: $secret };)+

        /// Every setting.
        pub const ALL: &[Setting] = &[$($ident),+];
    };
}

settings! {
    LISTEN = "KEYWAY_LISTEN", "127.0.0.1:8420", false;
    PUBLIC_URL = "KEYWAY_PUBLIC_URL", "", false;
    METRICS_LISTEN = "KEYWAY_METRICS_LISTEN", "127.0.0.1:8421", false;
    DATABASE_URL = "KEYWAY_DATABASE_URL", "sqlite://data/keyway.db", true;
    MASTER_KEYS = "KEYWAY_MASTER_KEYS", "", true;
    AUTH = "KEYWAY_AUTH", "single_user", false;
    JWT_JWKS_URL = "KEYWAY_JWT_JWKS_URL", "", false;
    JWT_SECRET = "KEYWAY_JWT_SECRET", "", true;
    JWT_ISSUER = "KEYWAY_JWT_ISSUER", "", false;
    JWT_AUDIENCE = "KEYWAY_JWT_AUDIENCE", "", false;
    JWT_USER_CLAIM = "KEYWAY_JWT_USER_CLAIM", "sub", false;
    HOST_ORIGINS = "KEYWAY_HOST_ORIGINS", "", false;
    EGRESS_ALLOW = "KEYWAY_EGRESS_ALLOW", "", false;
    CLIENT_METADATA_URL = "KEYWAY_CLIENT_METADATA_URL", "", false;
    REGISTRATION = "KEYWAY_REGISTRATION", "per_connector", false;
    CATALOG = "KEYWAY_CATALOG", "", false;
    ELICITATION = "KEYWAY_ELICITATION", "decline", false;
    STREAMS_PER_USER = "KEYWAY_STREAMS_PER_USER", "512", false;
    LOG = "KEYWAY_LOG", "info", false;
    OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "", false;
    SERVICE_NAME = "OTEL_SERVICE_NAME", "keyway", false;
}

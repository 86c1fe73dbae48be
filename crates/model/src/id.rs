//! The identifiers of things: UUID version 7 (RFC 9562 §5.7), one type for each kind of thing.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{clock::Timestamp, random::Random};

fn version_7(now: Timestamp, random: &Random) -> Uuid {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes()).into_uuid()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier that sorts by the time it was made.
            pub fn new(now: Timestamp, random: &Random) -> Self {
                Self(version_7(now, random))
            }

            /// The UUID itself, as a database stores it.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }

            /// The identifier a stored UUID stands for.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

id! {
    /// Names a connector.
    ConnectorId
}
id! {
    /// Names one sign-in attempt, from start to callback.
    AuthorizationSessionId
}
id! {
    /// Names a client registration.
    RegistrationId
}
id! {
    /// Names a finished sign-in. A refresh keeps it, a new sign-in changes it.
    SignInId
}
id! {
    /// Names a service key.
    ServiceKeyId
}
id! {
    /// Names one thing that happened, in the order of time.
    ActivityId
}
id! {
    /// Names a revocation that is still to be made.
    RevocationId
}
id! {
    /// Names a personal token.
    PersonalTokenId
}
id! {
    /// Names a call that waits for a person's approval.
    ApprovalId
}
id! {
    /// Names a browser session, be it a bearer token or a cookie.
    BrowserSessionId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let random = Random::seeded(1);
        let earlier = ConnectorId::new(Timestamp::from_millis(1_000), &random);
        let later = ConnectorId::new(Timestamp::from_millis(2_000), &random);
        assert!(earlier < later);
        assert_eq!(earlier.as_uuid().get_version_num(), 7);
        assert_eq!(earlier.to_string().parse::<ConnectorId>().unwrap(), earlier);
    }
}

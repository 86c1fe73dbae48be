//! Deviations from the rules that somebody looked at and allows, each for one named issuer. There are
//! none unless they are handed in, and each one that is used is told in the trace.

/// What is allowed of one issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// The issuer as the protected resource names it, byte for byte.
    pub issuer: String,
    /// The `issuer` that its document may carry instead (against RFC 8414 §3.3), byte for byte. It is
    /// then the issuer that counts: for the client, and for `iss` of the answer (RFC 9207).
    pub accepted_issuer: Option<String>,
    /// Whether its document need not announce PKCE with S256 (against MCP 2025-11-25). S256 is sent all
    /// the same.
    pub missing_s256: bool,
}

/// The spelling of the issuer that an exception accepts instead of one of `expected`.
pub(super) fn accepts_spelling(exceptions: &[Exception], expected: &[&str], found: &str) -> bool {
    exceptions.iter().any(|exception| {
        expected.contains(&exception.issuer.as_str())
            && exception.accepted_issuer.as_deref() == Some(found)
    })
}

/// Whether an exception allows one of the issuers asked for to be silent about S256.
pub(super) fn allows_missing_s256(exceptions: &[Exception], expected: &[&str]) -> bool {
    exceptions
        .iter()
        .any(|exception| exception.missing_s256 && expected.contains(&exception.issuer.as_str()))
}

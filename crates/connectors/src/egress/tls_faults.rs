//! What is wrong with a server's TLS, in words for people: who runs the server must act, nobody here.

use std::{error::Error, io};

use rustls::{CertificateError, Error as TlsError};

/// The words for a failure whose cause is a certificate that does not hold.
pub(super) fn words(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    // An I/O error does not name what it wraps as its source.
    let mut cause = cause;
    while let Some(inner) = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        cause = inner;
    }
    let TlsError::InvalidCertificate(reason) = cause.downcast_ref()? else { return None };
    Some(match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's TLS certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's TLS certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's TLS certificate is for another host"
        }
        CertificateError::UnknownIssuer => {
            "the server's TLS certificate is not by an authority that is trusted here"
        }
        _ => "the server's TLS certificate is not valid",
    })
}

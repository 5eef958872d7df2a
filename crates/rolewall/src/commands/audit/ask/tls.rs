//! A TLS handshake that takes any certificate: the question is whether there is TLS, not whom it leads to.
//! Not here: what the certificate says (`certificate`).

use super::super::answer::{Session, Tls};
use super::certificate;
use super::channel::{Timed, excerpt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error, ProtocolVersion,
    SignatureScheme, StreamOwned,
};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// A stream within TLS and what was agreed on, or what came instead.
pub(super) fn handshake(
    mut stream: Timed,
    peer: IpAddr,
    domain: Option<&str>,
) -> Result<(StreamOwned<ClientConnection, Timed>, Session), Tls> {
    let mut connection =
        connection(peer, domain).map_err(|error| Tls::Nothing(format!("this side failed: {error}")))?;
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut stream) {
            return Err(what_came(&stream.first, &error));
        }
    }
    let session = session(&connection, domain);
    Ok((StreamOwned::new(connection, stream), session))
}

fn connection(peer: IpAddr, domain: Option<&str>) -> Result<ClientConnection, Error> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, Error>> = OnceLock::new();
    let config = CONFIG.get_or_init(config).clone()?;
    let by_name = domain.and_then(|name| ServerName::try_from(name.to_owned()).ok());
    ClientConnection::new(config, by_name.unwrap_or(ServerName::IpAddress(peer.into())))
}

fn config() -> Result<Arc<ClientConfig>, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?.dangerous();
    let verified = builder.with_custom_certificate_verifier(Arc::new(Any));
    Ok(Arc::new(verified.with_no_client_auth()))
}

fn session(connection: &ClientConnection, domain: Option<&str>) -> Session {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let suite = connection.negotiated_cipher_suite().and_then(|s| s.suite().as_str()).unwrap_or("unknown");
    // rustls writes the suites of TLS 1.3 as TLS13_; IANA does not.
    let suite = suite.replace("TLS13_", "TLS_");
    let own = connection.peer_certificates().and_then(|chain| chain.first());
    Session { version, suite, certificate: own.map(|der| certificate::read(der, domain)) }
}

/// What stood in the way of a handshake, by the first bytes that came.
pub(super) fn what_came(first: &[u8], error: &io::Error) -> Tls {
    if !first.is_empty() && !is_record(first) {
        return Tls::Clear(excerpt(first));
    }
    // Slowness is no answer, though something has come.
    if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
        return Tls::Nothing("no handshake came about in time".into());
    }
    if first.is_empty() {
        return Tls::Nothing("it closed the connection".into());
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(
            Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(rustls::PeerIncompatible::ServerDoesNotSupportTls12Or13),
        ) => Tls::Old,
        Some(Error::AlertReceived(alert)) => Tls::Refused(format!("it sent the alert {alert:?}")),
        Some(other) => Tls::Refused(other.to_string()),
        None => Tls::Refused(crate::failure::in_words(error)),
    }
}

/// The header of a record: its type (20 to 23) and the major version 3 (RFC 8446 section 5.1).
pub(super) fn is_record(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=23, 3, 0..=4, ..])
}

/// Takes every certificate, and every proof that the other side has its key.
#[derive(Debug)]
struct Any;

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_tls12_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(first: &[u8]) -> Tls {
        what_came(first, &io::ErrorKind::UnexpectedEof.into())
    }

    #[test]
    fn clear_text_and_silence_are_told_from_tls() {
        assert_eq!(came(b"HTTP/1.1 400 Bad"), Tls::Clear("HTTP/1.1 400 Bad".into()));
        assert!(matches!(came(&[21, 3, 3, 0, 2, 2, 40]), Tls::Refused(_)));
        assert!(matches!(came(b""), Tls::Nothing(_)));
        let slow = io::ErrorKind::TimedOut.into();
        assert!(matches!(what_came(&[22, 3, 3, 0, 80, 2], &slow), Tls::Nothing(_)));
    }

    #[test]
    fn a_version_that_is_too_old_is_told() {
        let alert = Error::AlertReceived(AlertDescription::ProtocolVersion);
        let error = io::Error::new(io::ErrorKind::InvalidData, alert);
        assert_eq!(what_came(&[21, 3, 1, 0, 2, 2, 70], &error), Tls::Old);
    }
}

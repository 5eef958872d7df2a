//! TLS to the server: whose word is taken for who it is.
//! Not here: when the conversation goes over to it (`login`).

use super::error::SqlError;
use super::target::Server;
use super::wire::Timed;
use crate::failure::in_words;
use rolewall_policy::settings::sql::{Sql, Tls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, StreamOwned,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the system trusts, where Debian keeps it.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Whether the other end has proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Checked,
    /// Encrypted, for whoever is there.
    None,
}

/// How certificates are checked, read before anything is connected.
#[derive(Debug)]
pub(super) struct Trust {
    config: Arc<ClientConfig>,
    pub(super) proof: Proof,
}

impl Trust {
    /// None where TLS is off. Only what is given with `ca` is trusted where it is given.
    pub(super) fn of(sql: &Sql, file: impl Fn(&Path) -> PathBuf) -> Result<Option<Trust>, SqlError> {
        let provider = Arc::new(ring::default_provider());
        let system = PathBuf::from(SYSTEM);
        let roots = match (sql.tls, &sql.ca) {
            (Tls::Off, _) => return Ok(None),
            (Tls::Preferred, None) => None,
            (_, Some(ca)) => Some(ca),
            (Tls::Required, None) => Some(&system),
        };
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(SqlError::Tls)?;
        let (config, proof) = match roots {
            Some(path) => {
                let roots = certificates(path, &file(path))?;
                (builder.with_root_certificates(roots).with_no_client_auth(), Proof::Checked)
            }
            None => {
                let anybody = Arc::new(Anybody(provider));
                let builder = builder.dangerous().with_custom_certificate_verifier(anybody);
                (builder.with_no_client_auth(), Proof::None)
            }
        };
        Ok(Some(Trust { config: Arc::new(config), proof }))
    }

    /// The handshake.
    pub(super) fn secure(
        &self,
        mut timed: Timed,
        server: &Server,
        deadline: super::wire::Deadline,
    ) -> Result<Box<StreamOwned<ClientConnection, Timed>>, SqlError> {
        let host = match server {
            Server::Tcp { host, .. } => host.as_str(),
            Server::Socket(_) => "localhost",
        };
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| SqlError::ServerName(host.to_owned()))?;
        let mut connection = ClientConnection::new(self.config.clone(), name).map_err(SqlError::Tls)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut timed).map_err(|error| why(error, deadline))?;
        }
        Ok(Box::new(StreamOwned::new(connection, timed)))
    }
}

/// What rustls refused travels inside an error of input and output.
fn why(error: std::io::Error, deadline: super::wire::Deadline) -> SqlError {
    match error.downcast::<Error>() {
        Ok(refused) => SqlError::Tls(refused),
        Err(other) => deadline.error(other),
    }
}

fn certificates(shown: &Path, path: &Path) -> Result<RootCertStore, SqlError> {
    let failed = |why: String| SqlError::Certificates { path: shown.display().to_string(), why };
    let bytes = std::fs::read(path).map_err(|e| failed(in_words(&e)))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|e| failed(e.to_string()))?;
        roots.add(certificate).map_err(|e| failed(e.to_string()))?;
    }
    if roots.is_empty() { Err(failed("it holds none".into())) } else { Ok(roots) }
}

/// Takes any certificate, as MySQL's own `PREFERRED` does: against who only listens, not against who stands
/// between. Signatures are checked all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! TLS to PostgreSQL, by rustls.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Tls;
use crate::BusError;

/// The connector that encrypts connections, where the URL asks for that. An error when its CA cannot be read.
pub(super) fn connector(tls: &Tls) -> Result<Option<MakeRustlsConnect>, BusError> {
    match tls {
        Tls::Never => Ok(None),
        Tls::Unverified => unverified().map(Some),
        Tls::Verified { root } => verified(root.as_deref()).map(Some),
    }
}

/// Encrypted, whatever server answers: `sslmode=require`, as libpq has it.
fn unverified() -> Result<MakeRustlsConnect, BusError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Anybody(provider.clone()));
    let config = builder(provider)?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Encrypted, by a server whose certificate is signed by this CA, or one of the system's, for its host.
fn verified(root: Option<&Path>) -> Result<MakeRustlsConnect, BusError> {
    let roots = match root {
        Some(file) => from_file(file)?,
        None => of_the_system()?,
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(MakeRustlsConnect::new(builder(provider)?.with_root_certificates(roots).with_no_client_auth()))
}

fn builder(
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, BusError> {
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.map_err(|why| BusError(format!("TLS cannot be set up: {why}")))
}

fn from_file(file: &Path) -> Result<RootCertStore, BusError> {
    let refused = |why: String| BusError(format!("DATABASE_URL: sslrootcert {}: {why}", file.display()));
    let certificates = CertificateDer::pem_file_iter(file).map_err(|why| refused(why.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|why| refused(why.to_string()))?;
        roots.add(certificate).map_err(|why| refused(why.to_string()))?;
    }
    if roots.is_empty() { Err(refused("it holds no certificate".into())) } else { Ok(roots) }
}

fn of_the_system() -> Result<RootCertStore, BusError> {
    let mut roots = RootCertStore::empty();
    // An unreadable certificate is not trusted; the others are.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        Err(BusError("this machine has no CA certificates: name one by sslrootcert".into()))
    } else {
        Ok(roots)
    }
}

/// Takes any certificate, but not a forged signature with it.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

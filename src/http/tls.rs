//! TLS by rustls: the certificate and key files, read at start and again on SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate that can be replaced while the server runs.
#[derive(Debug)]
pub struct Certificate {
    chain_file: PathBuf,
    key_file: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads the certificate chain and key, both PEM.
    ///
    /// # Errors
    /// A sentence naming the file and what is wrong with it.
    pub fn load(chain_file: &Path, key_file: &Path) -> Result<Arc<Self>, String> {
        let current = RwLock::new(Arc::new(read(chain_file, key_file)?));
        let (chain_file, key_file) = (chain_file.to_owned(), key_file.to_owned());
        Ok(Arc::new(Self { chain_file, key_file, current }))
    }

    /// Reads both files again; connections made from now on get the new certificate.
    ///
    /// # Errors
    /// A sentence; the certificate in use stays.
    pub fn reload(&self) -> Result<(), String> {
        let fresh = Arc::new(read(&self.chain_file, &self.key_file)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The server side of TLS with this certificate: HTTP/1.1 only, TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// A sentence when the cryptography cannot be set up.
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|fault| format!("TLS cannot be set up: {fault}"))?;
        Ok(config.with_no_client_auth().with_cert_resolver(resolver))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

fn read(chain_file: &Path, key_file: &Path) -> Result<CertifiedKey, String> {
    let said = |file: &Path, fault: &dyn std::fmt::Display| format!("{}: {fault}", file.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(chain_file)
        .and_then(Iterator::collect)
        .map_err(|fault| said(chain_file, &fault))?;
    if chain.is_empty() {
        return Err(said(chain_file, &"no certificate in PEM form"));
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|fault| said(key_file, &fault))?;
    let key = aws_lc_rs::sign::any_supported_type(&key).map_err(|fault| said(key_file, &fault))?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(|_| {
        format!("{} is not the key of {}", key_file.display(), chain_file.display())
    })?;
    Ok(certified)
}

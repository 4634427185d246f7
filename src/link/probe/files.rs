//! Checks the files of the TLS settings: each is readable and of the right kind, and the key belongs to the certificate.

use super::describe;
use crate::link::{Failure, FailureKind, Tls};
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslContext, SslMethod};
use openssl::x509::X509;
use std::fs;
use std::path::Path;

/// Reads all of them, as a connection will.
pub fn check(tls: &Tls) -> Result<(), Failure> {
    if let Some(path) = &tls.cafile {
        authorities(path)?;
    }
    if let Some(path) = &tls.capath {
        folder(path)?;
    }
    let cert = tls.cert.as_deref().map(certificate).transpose()?;
    let key = tls.key.as_deref().map(private_key).transpose()?;
    match (&cert, &key) {
        (Some(cert), Some(key)) => match cert.public_key() {
            Ok(public) if public.public_eq(key) => Ok(()),
            _ => Err(unusable(
                format!("the key {} does not belong to the certificate {}", shown(&tls.key), shown(&tls.cert)),
                "give the private key that the certificate was made for with --key",
            )),
        },
        (Some(_), None) => Err(unusable("a client certificate without its key", "give its key with --key")),
        (None, Some(_)) => Err(unusable("a key without its certificate", "give the certificate with --cert")),
        (None, None) => Ok(()),
    }
}

fn unusable(what: impl Into<String>, cure: impl Into<String>) -> Failure {
    Failure::new(FailureKind::LocalFile, what, cure)
}

fn shown(path: &Option<std::path::PathBuf>) -> String {
    path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
}

fn read(path: &Path, kind: &str, flag: &str) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        unusable(
            format!("cannot read the {kind} {}: {}", path.display(), describe(&error)),
            format!("check the path given with {flag}"),
        )
    })
}

fn authorities(path: &Path) -> Result<(), Failure> {
    read(path, "CA file", "--cafile")?;
    // The same call as the connection makes, so that both accept the same files.
    let loaded = SslContext::builder(SslMethod::tls_client())
        .and_then(|mut context| context.load_verify_locations(Some(path), None));
    loaded.map_err(|_| {
        unusable(
            format!("the CA file {} holds no certificate in PEM form", path.display()),
            "give the authority's certificate, which begins with BEGIN CERTIFICATE, with --cafile",
        )
    })
}

fn folder(path: &Path) -> Result<(), Failure> {
    fs::read_dir(path).map(|_| ()).map_err(|error| {
        unusable(
            format!("cannot read the CA folder {}: {}", path.display(), describe(&error)),
            "check the folder given with --capath; a single file goes with --cafile",
        )
    })
}

fn certificate(path: &Path) -> Result<X509, Failure> {
    X509::from_pem(&read(path, "client certificate", "--cert")?).map_err(|_| {
        unusable(
            format!("the file {} holds no certificate in PEM form", path.display()),
            "give the client's certificate, which begins with BEGIN CERTIFICATE, with --cert",
        )
    })
}

fn private_key(path: &Path) -> Result<PKey<Private>, Failure> {
    let pem = read(path, "private key", "--key")?;
    let mut encrypted = false;
    // Without a callback, OpenSSL would ask for a passphrase on the terminal.
    let key = PKey::private_key_from_pem_callback(&pem, |_| {
        encrypted = true;
        Ok(0)
    });
    key.map_err(|_| match encrypted {
        true => unusable(
            format!("the private key {} is encrypted", path.display()),
            "give a key without a passphrase with --key (openssl pkey -in KEY -out NEW writes one)",
        ),
        false => unusable(
            format!("the file {} holds no private key in PEM form", path.display()),
            "give the client's private key, whose BEGIN line says PRIVATE KEY, with --key",
        ),
    })
}

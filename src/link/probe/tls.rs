//! The TLS handshake, with the same trust as a connection, and what the certificate says.

use super::facts::{Certificate, TlsFacts};
use super::timed::Timed;
use super::{describe, harmless};
use crate::link::{Address, Failure, FailureKind, Tls};
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::ssl::{HandshakeError, Ssl, SslContext, SslMethod, SslRef, SslStream, SslVerifyMode};
use openssl::x509::{X509NameRef, X509Ref, X509StoreContextRef, X509VerifyResult};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// What a certificate says.
fn read(cert: &X509Ref) -> Certificate {
    let names = cert.subject_alt_names().into_iter().flatten();
    let names = names.filter_map(|name| match (name.dnsname(), name.ipaddress()) {
        (Some(dns), _) => Some(harmless(dns)),
        (None, Some(ip)) => ip_address(ip),
        (None, None) => None,
    });
    let left = Asn1Time::days_from_now(0).and_then(|now| now.diff(cert.not_after()));
    Certificate {
        subject: name(cert.subject_name()),
        names: names.collect(),
        issuer: name(cert.issuer_name()),
        not_before: cert.not_before().to_string(),
        not_after: cert.not_after().to_string(),
        days_left: left.map(|left| left.days).unwrap_or(0),
    }
}

fn ip_address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    address.ok().map(|address| address.to_string())
}

fn name(name: &X509NameRef) -> String {
    let text = |entry: &openssl::x509::X509NameEntryRef| match entry.data().to_string() {
        Ok(text) => harmless(&text),
        Err(_) => "?".to_owned(),
    };
    if let Some(common) = name.entries_by_nid(Nid::COMMONNAME).next() {
        return text(common);
    }
    let part = |entry: &openssl::x509::X509NameEntryRef| {
        format!("{}={}", entry.object().nid().short_name().unwrap_or("?"), text(entry))
    };
    name.entries().map(part).collect::<Vec<_>>().join(", ")
}

/// The first objection of the chain's verification.
struct Objection {
    result: X509VerifyResult,
    /// The depth of the certificate; 0 is the broker's own.
    depth: u32,
    certificate: Option<Certificate>,
}

/// Why there is no TLS connection.
pub enum NoTls {
    Failure(Failure),
    /// The peer did not answer in TLS; this is a new connection to it.
    Foreign(Timed),
}

/// Performs the handshake as a connection with these settings would.
pub fn handshake(address: &Address, tls: &Tls, tcp: Timed) -> Result<(SslStream<Timed>, TlsFacts), NoTls> {
    let peer = *tcp.peer();
    let objection = Arc::new(OnceLock::new());
    let internal = |error: ErrorStack| {
        Failure::new(FailureKind::Other, format!("TLS cannot be set up: {error}"), "check the OpenSSL of this machine")
    };
    let ssl = prepare(address, tls, objection.clone()).map_err(|error| NoTls::Failure(internal(error)))?;
    let error = match ssl.connect(tcp) {
        Ok(stream) => {
            let facts = facts(stream.ssl());
            return Ok((stream, facts));
        }
        Err(error) => error,
    };
    if let Some(objection) = objection.get() {
        return Err(NoTls::Failure(objected(address, tls, objection)));
    }
    if let Some(failure) = stack_of(&error).and_then(|errors| client_refused(address, tls, errors)) {
        return Err(NoTls::Failure(failure));
    }
    match Timed::connect(&peer) {
        Ok(again) if !was_answered_in_tls(&error) => Err(NoTls::Foreign(again)),
        _ => Err(NoTls::Failure(Failure::new(
            FailureKind::Tls,
            format!("the TLS handshake with {address} failed: {}", reason(&error)),
            "check --port, and the TLS settings of the broker",
        ))),
    }
}

fn prepare(address: &Address, tls: &Tls, objection: Arc<OnceLock<Objection>>) -> Result<Ssl, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    match tls.cafile.is_some() || tls.capath.is_some() {
        true => context.load_verify_locations(tls.cafile.as_deref(), tls.capath.as_deref())?,
        false => context.set_default_verify_paths()?,
    }
    if let (Some(cert), Some(key)) = (&tls.cert, &tls.key) {
        context.set_certificate_chain_file(cert)?;
        context.set_private_key_file(key, openssl::ssl::SslFiletype::PEM)?;
    }
    context.set_verify_callback(SslVerifyMode::PEER, move |is_good, chain: &mut X509StoreContextRef| {
        if !is_good {
            let certificate = chain.current_cert().map(read);
            // Only the first objection counts.
            let _ = objection.set(Objection { result: chain.error(), depth: chain.error_depth(), certificate });
        }
        is_good
    });
    let mut ssl = Ssl::new(&context.build())?;
    let ip = address.host.parse::<IpAddr>();
    if ip.is_err() {
        ssl.set_hostname(&address.host)?;
    }
    if !tls.insecure {
        match ip {
            Ok(ip) => ssl.param_mut().set_ip(ip)?,
            Err(_) => ssl.param_mut().set_host(&address.host)?,
        }
    }
    Ok(ssl)
}

fn facts(ssl: &SslRef) -> TlsFacts {
    TlsFacts {
        version: ssl.version_str().to_owned(),
        cipher: ssl.current_cipher().map(|cipher| cipher.name().to_owned()).unwrap_or_default(),
        // A verified server has presented one.
        certificate: ssl.peer_certificate().map(|cert| read(&cert)).unwrap_or_default(),
    }
}

fn objected(address: &Address, tls: &Tls, objection: &Objection) -> Failure {
    const CERT_NOT_YET_VALID: i32 = 9;
    const CERT_HAS_EXPIRED: i32 = 10;
    const HOSTNAME_MISMATCH: i32 = 62;
    const IP_ADDRESS_MISMATCH: i32 = 64;
    let words = objection.result.error_string();
    let Some(certificate) = &objection.certificate else {
        return Failure::new(
            FailureKind::Untrusted,
            format!("the certificate of {address} cannot be checked: {words}"),
            "check the broker's certificates",
        );
    };
    let whose = match objection.depth {
        0 => format!("the certificate of {address}"),
        _ => format!("the authority certificate \"{}\" behind {address}", certificate.subject),
    };
    let Certificate { subject, names, .. } = certificate;
    let names = if names.is_empty() { subject.clone() } else { names.join(", ") };
    match objection.result.as_raw() {
        HOSTNAME_MISMATCH | IP_ADDRESS_MISMATCH => Failure::new(
            FailureKind::WrongHost,
            format!("{whose} is valid for {}, not for {}", names, address.host),
            "use a name that it is valid for as --host; if it is the right broker nevertheless, use --insecure",
        ),
        CERT_HAS_EXPIRED => Failure::new(
            FailureKind::Expired,
            format!("{whose} expired on {}", certificate.not_after),
            "renew it; if this machine's clock is wrong, set the clock",
        ),
        CERT_NOT_YET_VALID => Failure::new(
            FailureKind::Expired,
            format!("{whose} is not valid before {}", certificate.not_before),
            "if this machine's clock is wrong, set the clock; otherwise wait or get a new certificate",
        ),
        _ => Failure::new(
            FailureKind::Untrusted,
            format!("{whose} is not trusted: {words}; it was issued by \"{}\"", certificate.issuer),
            match &tls.cafile {
                Some(path) => {
                    format!("give the certificate of that authority with --cafile; {} is not enough", path.display())
                }
                None => "give the certificate of that authority with --cafile FILE".to_owned(),
            },
        ),
    }
}

/// What an alert of the broker means, in particular about the client's certificate. With TLS 1.3 it may arrive after the
/// client's handshake, before which the broker does not check the certificate.
pub fn client_refused(address: &Address, tls: &Tls, errors: &ErrorStack) -> Option<Failure> {
    /// OpenSSL reports an alert as 1000 plus its number.
    const ALERT: i32 = 1_000;
    const HANDSHAKE_FAILURE: i32 = 40;
    const BAD_CERTIFICATE: i32 = 42;
    const UNKNOWN_CA: i32 = 48;
    const ACCESS_DENIED: i32 = 49;
    const PROTOCOL_VERSION: i32 = 70;
    const CERTIFICATE_REQUIRED: i32 = 116;
    let alert =
        errors.errors().iter().map(|error| error.reason_code() - ALERT).find(|alert| (0..256).contains(alert))?;
    let fail = |what: String, cure: &str| Failure::new(FailureKind::Tls, what, cure);
    Some(match (alert, &tls.cert) {
        (CERTIFICATE_REQUIRED, _) | (BAD_CERTIFICATE..=UNKNOWN_CA | ACCESS_DENIED, None) => {
            fail(format!("{address} requires a client certificate"), "give one with --cert and its key with --key")
        }
        (BAD_CERTIFICATE..=UNKNOWN_CA | ACCESS_DENIED, Some(cert)) => fail(
            format!("{address} does not accept the client certificate {}", cert.display()),
            "give one that has not expired, from an authority that the broker trusts, with --cert and --key",
        ),
        (PROTOCOL_VERSION, _) => fail(
            format!("{address} and this machine have no TLS version in common"),
            "configure the broker for TLS 1.2 or 1.3",
        ),
        (HANDSHAKE_FAILURE, None) => fail(
            format!("{address} aborts the TLS handshake"),
            "it may require a client certificate (--cert and --key), or have no cipher in common with this machine",
        ),
        _ => fail(format!("{address} ends TLS with alert {alert}"), "check the broker's log and its TLS settings"),
    })
}

fn stack_of(error: &HandshakeError<Timed>) -> Option<&ErrorStack> {
    match error {
        HandshakeError::SetupFailure(errors) => Some(errors),
        HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream) => stream.error().ssl_error(),
    }
}

/// Whether the peer answered in TLS: not if the socket failed, or the first record already did not look like TLS.
fn was_answered_in_tls(error: &HandshakeError<Timed>) -> bool {
    const PACKET_LENGTH_TOO_LONG: i32 = 198;
    const HTTP_REQUEST: i32 = 156;
    const UNEXPECTED_MESSAGE: i32 = 244;
    const BAD_RECORD_TYPE: i32 = 443;
    const WRONG_VERSION_NUMBER: i32 = 267;
    const UNEXPECTED_EOF: i32 = 294;
    let foreign = [
        PACKET_LENGTH_TOO_LONG,
        HTTP_REQUEST,
        UNEXPECTED_MESSAGE,
        BAD_RECORD_TYPE,
        WRONG_VERSION_NUMBER,
        UNEXPECTED_EOF,
    ];
    stack_of(error).is_some_and(|errors| errors.errors().iter().all(|error| !foreign.contains(&error.reason_code())))
}

fn reason(error: &HandshakeError<Timed>) -> String {
    match error {
        HandshakeError::WouldBlock(_) => "no answer in time".to_owned(),
        HandshakeError::SetupFailure(errors) => errors.to_string(),
        HandshakeError::Failure(stream) => match (stream.error().ssl_error(), stream.error().io_error()) {
            (Some(errors), _) => {
                errors.errors().first().and_then(|error| error.reason()).unwrap_or("an unnamed error").to_owned()
            }
            (None, Some(error)) => describe(error),
            (None, None) => "the connection was closed".to_owned(),
        },
    }
}

/// Whether a peer answers a TLS handshake with TLS; its identity does not matter.
pub fn is_spoken(tcp: Timed) -> bool {
    let ssl = SslContext::builder(SslMethod::tls_client()).and_then(|context| Ssl::new(&context.build()));
    let Ok(ssl) = ssl else { return false };
    match ssl.connect(tcp) {
        Ok(_) => true,
        Err(error) => was_answered_in_tls(&error),
    }
}

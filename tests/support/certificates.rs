//! Certificates for tests, good and bad ones, newly made each time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

const DAY: i64 = 86_400;

/// A certificate and its private key, both PEM files.
#[derive(Debug, Clone)]
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// The files for a TLS test. `ca` has signed all certificates except `other_ca`.
#[derive(Debug)]
pub struct Certificates {
    /// PEM file of the authority.
    pub ca: PathBuf,
    /// PEM file of an authority that has signed nothing.
    pub other_ca: PathBuf,
    /// For `localhost`, 127.0.0.1 and ::1, valid from yesterday for 30 days.
    pub server: Pair,
    /// For `wrong.example`.
    pub wrong_host: Pair,
    /// For the same names as `server`; expired yesterday.
    pub expired: Pair,
    /// A client's, common name `alice`.
    pub client: Pair,
}

impl Certificates {
    /// Writes them into `dir`.
    pub fn make(dir: &Path) -> Certificates {
        let authority = Authority::new("mqttchat test authority");
        let valid = (-DAY, 30 * DAY);
        let here = ["localhost", "127.0.0.1", "::1"];
        Certificates {
            ca: authority.save(dir, "ca"),
            other_ca: Authority::new("another test authority").save(dir, "other-ca"),
            server: authority.issue(dir, "server", "localhost", &here, valid),
            wrong_host: authority.issue(dir, "wrong", "wrong.example", &["wrong.example"], valid),
            expired: authority.issue(dir, "expired", "localhost", &here, (-10 * DAY, -DAY)),
            client: authority.issue(dir, "client", "alice", &[], valid),
        }
    }
}

struct Authority {
    cert: X509,
    key: PKey<Private>,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let key = new_key();
        let name = common_name(name);
        let mut cert = unsigned(&name, &name, &key, (-30 * DAY, 60 * DAY));
        let constraints = BasicConstraints::new().critical().ca().build().unwrap();
        cert.append_extension(constraints).unwrap();
        let usage = KeyUsage::new().critical().key_cert_sign().build().unwrap();
        cert.append_extension(usage).unwrap();
        cert.sign(&key, MessageDigest::sha256()).unwrap();
        let cert = cert.build();
        Authority { cert, key }
    }

    fn save(&self, dir: &Path, file: &str) -> PathBuf {
        let path = dir.join(format!("{file}.pem"));
        fs::write(&path, self.cert.to_pem().unwrap()).unwrap();
        path
    }

    /// Signs a certificate for `names` (host names or IP addresses), valid from and to `valid`,
    /// in seconds from now.
    fn issue(&self, dir: &Path, file: &str, subject: &str, names: &[&str], valid: (i64, i64)) -> Pair {
        let key = new_key();
        let issuer = self.cert.subject_name();
        let mut cert = unsigned(&common_name(subject), issuer, &key, valid);
        if !names.is_empty() {
            let mut alternatives = SubjectAlternativeName::new();
            for name in names {
                match name.parse::<std::net::IpAddr>() {
                    Ok(_) => alternatives.ip(name),
                    Err(_) => alternatives.dns(name),
                };
            }
            let context = cert.x509v3_context(Some(&self.cert), None);
            let extension = alternatives.build(&context).unwrap();
            cert.append_extension(extension).unwrap();
        }
        cert.sign(&self.key, MessageDigest::sha256()).unwrap();
        let pair = Pair { cert: dir.join(format!("{file}.pem")), key: dir.join(format!("{file}.key")) };
        fs::write(&pair.cert, cert.build().to_pem().unwrap()).unwrap();
        fs::write(&pair.key, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        pair
    }
}

fn unsigned(
    subject: &openssl::x509::X509NameRef,
    issuer: &openssl::x509::X509NameRef,
    key: &PKey<Private>,
    (from, to): (i64, i64),
) -> openssl::x509::X509Builder {
    let mut cert = X509::builder().unwrap();
    cert.set_version(2).unwrap(); // counted from 0: X.509 version 3
    let mut serial = BigNum::new().unwrap();
    serial.rand(127, MsbOption::MAYBE_ZERO, false).unwrap();
    let serial = serial.to_asn1_integer().unwrap();
    cert.set_serial_number(&serial).unwrap();
    cert.set_subject_name(subject).unwrap();
    cert.set_issuer_name(issuer).unwrap();
    cert.set_pubkey(key).unwrap();
    cert.set_not_before(&from_now(from)).unwrap();
    cert.set_not_after(&from_now(to)).unwrap();
    cert
}

fn new_key() -> PKey<Private> {
    // An elliptic curve, because an RSA key takes many times as long to make.
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap()
}

fn common_name(name: &str) -> X509Name {
    let mut builder = X509Name::builder().unwrap();
    builder.append_entry_by_nid(Nid::COMMONNAME, name).expect("a name");
    builder.build()
}

fn from_now(seconds: i64) -> Asn1Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    Asn1Time::from_unix(now + seconds).unwrap()
}

//! What a TLS handshake tells about a broker: plain values.

/// What a handshake agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3`.
    pub version: String,
    pub cipher: String,
    pub certificate: Certificate,
}

/// What a certificate says, harmless to print.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Certificate {
    /// Its common name, else its whole name.
    pub subject: String,
    /// The host names and IP addresses that it is valid for.
    pub names: Vec<String>,
    /// The authority that signed it, in the form of `subject`.
    pub issuer: String,
    pub not_before: String,
    pub not_after: String,
    /// Whole days until `not_after`; negative if it has expired.
    pub days_left: i32,
}

//! Pure: what a TLS handshake tells about a broker.

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
    /// Its common name, else all of its name.
    pub subject: String,
    /// The host names and IP addresses that it is for.
    pub names: Vec<String>,
    /// The authority that signed it, as `subject`.
    pub issuer: String,
    pub not_before: String,
    pub not_after: String,
    /// Whole days until `not_after`; negative once it is over.
    pub days_left: i32,
}

impl Certificate {
    /// The names that it is for; the subject where it lists none.
    pub fn is_for(&self) -> String {
        match self.names.is_empty() {
            true => self.subject.clone(),
            false => self.names.join(", "),
        }
    }
}

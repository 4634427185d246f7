//! Whether to use TLS, and with which files.

use std::path::PathBuf;

use super::address::PORT_OF_TLS;
use super::broker::Broker;
use super::environment::Environment;
use super::error::{UsageError, reason};
use super::given::{Given, Item, Level};
use crate::link::Tls;

/// Whether to use TLS: the first level that says anything about it decides, else the port.
pub(super) fn is_used(given: &Given, port: Option<u16>) -> Result<bool, UsageError> {
    match (given.item("cert"), given.item("key")) {
        (Some(item), None) => return Err(item.wrong("needs --key too, the private key's file")),
        (None, Some(item)) => return Err(item.wrong("needs --cert too, the certificate's file")),
        _ => {}
    }
    given.one_of(&["tls", "no-tls"])?;
    let said = given.levels.iter().enumerate().find_map(|(index, level)| said(level, given.broker_at(index)));
    Ok(said.unwrap_or(port == Some(PORT_OF_TLS)))
}

/// Whether a level says to use TLS, by an option or by its broker's URL; `None` if it says nothing.
pub(super) fn said(level: &Level, named: Option<&Broker>) -> Option<bool> {
    let is_secure_url = named.and_then(|broker| broker.scheme).is_some_and(|scheme| scheme.is_secure);
    let is_on = is_secure_url || ["tls", "cafile", "capath", "cert"].iter().any(|long| level.item(long).is_some());
    match level.item("no-tls") {
        Some(_) => Some(false),
        None => is_on.then_some(true),
    }
}

/// The authorities and certificates of the connection. Reads every file, so that an error names a bad one.
pub(super) fn tls(given: &Given, environment: &Environment) -> Result<Tls, UsageError> {
    let pem = |item: Option<&Item>| item.map(|item| pem_file(item, environment)).transpose();
    let listed = |item: &Item| match (environment.list)(item.value.as_ref()) {
        Ok(()) => Ok(PathBuf::from(&item.value)),
        Err(error) => Err(item.unusable(&reason(&error))),
    };
    Ok(Tls {
        cafile: pem(given.item("cafile"))?,
        capath: given.item("capath").map(listed).transpose()?,
        cert: pem(given.item("cert"))?,
        key: pem(given.item("key"))?,
        insecure: given.is_on("insecure"),
    })
}

/// The path of a file, which must be readable and look like PEM.
fn pem_file(item: &Item, environment: &Environment) -> Result<PathBuf, UsageError> {
    let bytes = item.read(environment)?;
    let mark = b"-----BEGIN ";
    match bytes.windows(mark.len()).any(|window| window == mark) {
        true => Ok(PathBuf::from(&item.value)),
        false => Err(item.unusable("it is not in PEM format")),
    }
}

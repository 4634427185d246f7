//! The login for the broker: user name and password, from whichever source gives them.

use super::address::Named;
use super::environment::Environment;
use super::error::UsageError;
use super::given::{Given, Item};

/// User name and password. Those of a URL count at the URL's level, its password only together with its user.
pub(super) fn login(
    given: &Given,
    environment: &Environment,
    named: &Named,
    warnings: &mut Vec<String>,
) -> Result<(Option<String>, Option<String>), UsageError> {
    let mut username = None;
    let mut is_of_url = false;
    for (index, level) in given.levels.iter().enumerate() {
        let in_url = named.at(index).and_then(|broker| broker.username.as_ref());
        if let (Some(item), Some(_)) = (level.item("username"), in_url) {
            return Err(item.wrong("the broker's URL names a user already"));
        }
        username = level.item("username").map(|item| &item.value).or(in_url).cloned();
        is_of_url = in_url.is_some();
        if username.is_some() {
            break;
        }
    }
    if username.is_none() {
        let is_given = given.is_on("password") || given.is_on("password-file");
        if is_given || named.broker.password.is_some() {
            warnings.push("the password is not used because there is no --username".to_string());
        }
        return Ok((None, None));
    }
    given.one_of(&["password", "password-file"])?;
    for (index, level) in given.levels.iter().enumerate() {
        let here = level.item("password").or(level.item("password-file"));
        let of_user = named.at(index).filter(|_| is_of_url);
        let in_url = of_user.and_then(|broker| broker.password.as_ref());
        let is_seen = index == 0 && (in_url.is_some() || level.item("password").is_some());
        if is_seen {
            warnings.push(
                "others on this machine can see the password in `ps`; \
                 --password-file or MQTT_PASSWORD hides it"
                    .to_string(),
            );
        }
        match (here, in_url) {
            (None, None) => {}
            (None, Some(password)) => return Ok((username, Some(password.clone()))),
            (Some(item), Some(_)) => {
                return Err(item.wrong("the broker's URL names a password already"));
            }
            (Some(item), None) if item.flag.long == "password" => {
                return Ok((username, Some(item.value.clone())));
            }
            (Some(item), None) => return Ok((username, Some(first_line(item, environment)?))),
        }
    }
    Ok((username, None))
}

/// The first line of a password file.
fn first_line(item: &Item, environment: &Environment) -> Result<String, UsageError> {
    let bytes = item.read(environment)?;
    let text = String::from_utf8(bytes).map_err(|_| item.unusable("it is not UTF-8"))?;
    match text.lines().next() {
        None | Some("") => Err(item.unusable("its first line, the password, is empty")),
        Some(line) if line.contains('\0') => Err(item.unusable("it contains the character U+0000")),
        Some(line) => Ok(line.to_string()),
    }
}

//! The MQTT packets that a probe uses without the library: CONNECT and CONNACK.

/// The content of a CONNECT with a clean session and a keep alive of 10 s. The default only asks whether there is a broker:
/// no identifier, no login.
#[derive(Debug, Default)]
pub struct Hello<'a> {
    /// MQTT 5, otherwise 3.1.1.
    pub v5: bool,
    /// Empty: the broker assigns one.
    pub client_id: &'a str,
    pub username: Option<&'a str>,
    pub password: Option<&'a str>,
    pub will: Option<Will<'a>>,
}

/// A will, of QoS 1 and not retained.
#[derive(Debug, Clone, Copy)]
pub struct Will<'a> {
    pub topic: &'a str,
    pub payload: &'a [u8],
}

impl Hello<'_> {
    /// The CONNECT packet. Strings are truncated at MQTT's 65,535 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut flags = 0x02; // clean session
        let mut tail = Vec::new();
        string(&mut tail, self.client_id.as_bytes());
        if let Some(will) = self.will {
            flags |= 0x04 | 0x08; // a will, of QoS 1
            if self.v5 {
                tail.push(0); // no properties
            }
            string(&mut tail, will.topic.as_bytes());
            string(&mut tail, will.payload);
        }
        if let Some(username) = self.username {
            flags |= 0x80;
            string(&mut tail, username.as_bytes());
        }
        if let Some(password) = self.password {
            flags |= 0x40;
            string(&mut tail, password.as_bytes());
        }
        let mut body = Vec::new();
        string(&mut body, b"MQTT");
        body.extend([if self.v5 { 5 } else { 4 }, flags, 0, 10]);
        if self.v5 {
            body.push(0); // no properties
        }
        body.extend(tail);
        let mut packet = vec![0x10];
        length(&mut packet, body.len());
        packet.extend(body);
        packet
    }
}

/// The code of the CONNACK that `bytes` begin with.
pub fn connack(bytes: &[u8]) -> Option<u8> {
    match bytes {
        // After the length, 3.1.1 has 2 bytes and MQTT 5 at least 3; the second is the code.
        [0x20, 2..=0x7F, 0 | 1, code, ..] => Some(*code),
        [0x20, 0x80..=0xFF, 1..=0x7F, 0 | 1, code, ..] => Some(*code),
        _ => None,
    }
}

fn string(to: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    to.extend((bytes.len() as u16).to_be_bytes());
    to.extend(bytes);
}

/// MQTT's variable length: 7 bits a byte, the lowest first.
fn length(to: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = (length % 128) as u8;
        length /= 128;
        match length {
            0 => return to.push(low),
            _ => to.push(low | 0x80),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_connect() {
        assert_eq!(Hello::default().to_bytes(), b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00");
    }

    #[test]
    fn a_connect_with_everything() {
        let hello = Hello {
            v5: true,
            client_id: "id",
            username: Some("u"),
            password: Some("p"),
            will: Some(Will { topic: "t", payload: b"gone" }),
        };
        assert_eq!(
            hello.to_bytes(),
            b"\x10\x1f\x00\x04MQTT\x05\xce\x00\x0a\x00\x00\x02id\x00\x00\x01t\x00\x04gone\x00\x01u\x00\x01p"
        );
    }

    #[test]
    fn connacks() {
        assert_eq!(connack(&[0x20, 2, 0, 5]), Some(5));
        assert_eq!(connack(&[0x20, 9, 1, 0x87, 6, 0, 0]), Some(0x87));
        assert_eq!(connack(&[0x20, 0x81, 1, 0, 0, 0]), Some(0));
        assert_eq!(connack(&[0x20, 2, 0]), None);
        assert_eq!(connack(b"HTTP/1.1 400"), None);
        assert_eq!(connack(&[]), None);
    }
}

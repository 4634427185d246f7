//! The parts of WebSocket that a probe uses: the HTTP upgrade, and a frame around a packet.

use crate::link::Address;
use openssl::base64::encode_block;
use openssl::rand::rand_bytes;

/// The request that turns an HTTP connection into a WebSocket one.
pub fn upgrade(address: &Address) -> Vec<u8> {
    let mut key = [0; 16];
    // The key guards against caches; without randomness a fixed one will do.
    let _ = rand_bytes(&mut key);
    let path = if address.path.is_empty() { "/" } else { &address.path };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
        encode_block(&key)
    )
    .into_bytes()
}

/// One binary frame from a client. The mask is zero: its purpose, hiding bytes of web pages from caches, does not matter
/// here.
pub fn frame(packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82];
    match u16::try_from(packet.len()) {
        Ok(short @ 0..=125) => frame.push(0x80 | short as u8),
        Ok(middle) => {
            frame.push(0x80 | 126);
            frame.extend(middle.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((packet.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(packet);
    frame
}

/// The content of a server's first frame, if it is short and unmasked; otherwise empty.
pub fn unframe(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0x82, 0..=125, content @ ..] => content,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_each_length() {
        assert_eq!(frame(b"ab"), [0x82, 0x82, 0, 0, 0, 0, b'a', b'b']);
        assert_eq!(frame(&[7; 200])[..8], [0x82, 0xFE, 0, 200, 0, 0, 0, 0]);
        assert_eq!(frame(&[7; 70_000])[..10], [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
        assert_eq!(unframe(&[0x82, 4, 0x20, 2, 0, 0]), [0x20, 2, 0, 0]);
        assert_eq!(unframe(b"HTTP"), b"");
    }
}

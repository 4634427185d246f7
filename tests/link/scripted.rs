//! Brokers with behaviour that a real one does not show.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// How a scripted broker handles a CONNECT of MQTT 5.
#[derive(Clone, Copy, Debug)]
pub enum On5 {
    Accept,
    /// Answer this, and close the connection.
    Refuse(&'static [u8]),
    /// Keep it open without an answer.
    Wait,
}

/// A broker that speaks 3.1.1, treats MQTT 5 as given, and grants no filter that begins with `closed`. If the first
/// filter of a SUBSCRIBE is `slow`, it sends a message and answers after the next packet.
pub fn scripted_broker(on_5: On5) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        let mut waiting = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            // Fixed header, protocol name (2 + 4 bytes), then the level.
            let Ok(connect) = packet(&mut stream) else { continue };
            let five = connect.get(8) == Some(&5);
            match on_5 {
                On5::Refuse(refusal) if five => drop(stream.write_all(refusal)),
                On5::Wait if five => waiting.push(stream),
                _ => serve(stream, five),
            }
        }
    });
    port
}

fn serve(mut stream: TcpStream, five: bool) {
    let connack: &[u8] = if five { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] };
    let _ = stream.write_all(connack);
    let mut held = Vec::new();
    while let Ok(sent) = packet(&mut stream) {
        let slow = sent.windows(4).any(|part| part == b"slow");
        let now = std::mem::replace(&mut held, if slow { answer(&sent, five) } else { Vec::new() });
        let now = if slow { b"\x30\x04\0\x01a\0".to_vec() } else { [now, answer(&sent, five)].concat() };
        let _ = stream.write_all(&now);
    }
}

/// A broker's answers to SUBSCRIBE and to PUBLISH at QoS 1.
fn answer(sent: &[u8], five: bool) -> Vec<u8> {
    const REFUSED: [u8; 2] = [0x80, 0x87];
    let length = |at: usize| usize::from(sent[at]) * 256 + usize::from(sent[at + 1]);
    match sent[0] >> 4 {
        8 => {
            // In MQTT 5 a packet identifier is followed by its properties, here none.
            let properties = if five { &[0][..] } else { &[] };
            let mut codes = Vec::new();
            let mut at = 4 + properties.len();
            while at < sent.len() {
                let filter = &sent[at + 2..at + 2 + length(at)];
                codes.push(if filter.starts_with(b"closed") { REFUSED[usize::from(five)] } else { 1 });
                at += 2 + filter.len() + 1;
            }
            let body = [&sent[2..4], properties, &codes].concat();
            [&[0x90, body.len() as u8][..], &body].concat()
        }
        3 => {
            let identifier = 4 + length(2);
            vec![0x40, 2, sent[identifier], sent[identifier + 1]]
        }
        _ => Vec::new(),
    }
}

/// One packet of less than 128 bytes.
pub fn packet(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut packet = vec![0; 2];
    stream.read_exact(&mut packet)?;
    packet.resize(2 + usize::from(packet[1]), 0);
    stream.read_exact(&mut packet[2..])?;
    Ok(packet)
}

//! Payloads captured from the original Python programs, good and bad ones.

/// One captured publication.
#[derive(Debug, Clone)]
pub struct SeedLine {
    /// The line in the file, from 1.
    pub line: usize,
    pub topic: String,
    pub qos: u8,
    pub payload: Vec<u8>,
}

/// All lines of tests/data/seed-wire.jsonl, in order.
pub fn seed_wire() -> Vec<SeedLine> {
    let text = include_str!("../data/seed-wire.jsonl");
    let numbered = (1..).zip(text.lines());
    numbered.map(|(line, text)| parse(line, text)).collect()
}

fn parse(line: usize, text: &str) -> SeedLine {
    let value: serde_json::Value = serde_json::from_str(text).expect("each line is JSON");
    let string = |name: &str| value[name].as_str().expect("a string").to_owned();
    SeedLine {
        line,
        topic: string("topic"),
        qos: value["qos"].as_u64().expect("a number") as u8,
        payload: string("payload").into_bytes(),
    }
}

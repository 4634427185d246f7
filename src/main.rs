use mqttchat as _;

fn main() {}

//! README's pictures show today's client: the script that draws them plays the session again.

// Linked for the functions that build.rs puts in place of `writev` and `SSL_write`.
use mqttchat as _;
use std::path::Path;
use std::process::Command;

#[test]
fn readmes_pictures_are_of_todays_client() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures/draw.py");
    let output = Command::new("python3").arg(script).arg("--check").arg(env!("CARGO_BIN_EXE_mqttchat")).output();
    let output = output.expect("python3 is installed: `make test-deps`");
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&told));
}

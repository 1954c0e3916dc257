//! The agent's namespaces end with it, however it ends.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the kernel's time is real time")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Builds one namespace, notes its inode, and waits for an answer that takes its time.
fn job(note: &Path) -> String {
    let note = note.display();
    let script = format!(
        "ip netns add one\\nip -n one link set lo up\\nip -n one link add name veth0 type veth peer name veth1\\n\
         ip -n one addr add 192.0.2.1/24 dev veth0\\nip -n one link set veth0 up\\nip -n one link set veth1 up\\n\
         stat -L -c %i /run/netns/one > {note}.new\\nmv {note}.new {note}\\n"
    );
    let probe = r#"{"netns": 0, "to": "192.0.2.9", "what": {"Ping": {"size": 56, "df": false, "ttl": 64}}}"#;
    format!(
        r#"{{"script": "{script}", "namespaces": ["one"], "listeners": [], "probes": [{probe}], "timeout_ms": 60000}}"#
    )
}

/// Whether any process lives in this network namespace or has it mounted.
fn is_held(inode: &str) -> bool {
    let name = format!("net:[{inode}]");
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.path());
    processes.into_iter().any(|process| {
        let lives = std::fs::read_link(process.join("ns/net")).is_ok_and(|link| link.to_string_lossy() == name);
        lives || std::fs::read_to_string(process.join("mountinfo")).is_ok_and(|mounts| mounts.contains(&name))
    })
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_killed_agent_leaves_no_namespace() {
    if Command::new("unshare").args(["-m", "-n", "true"]).status().map_or(true, |status| !status.success()) {
        println!("skipped: namespaces need root");
        return;
    }
    let note = std::env::temp_dir().join(format!("podhop-referee-{}", std::process::id()));
    let mut agent = Command::new(env!("CARGO_BIN_EXE_podhop-referee"))
        .arg("agent")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    agent.stdin.take().unwrap().write_all(job(&note).as_bytes()).unwrap();
    wait_until("the agent builds its namespace", || note.exists());
    let inode = std::fs::read_to_string(&note).unwrap().trim().to_owned();
    std::fs::remove_file(&note).unwrap();
    assert!(is_held(&inode), "the agent holds its namespace while it lives");
    agent.kill().unwrap();
    agent.wait().unwrap();
    wait_until("the namespace ends with the agent", || !is_held(&inode));
}

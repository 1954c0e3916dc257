//! Namespaces: the agent's own, and the cluster's.

use super::Result;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Sysctls of every namespace that are the referee's and not the cluster's: answers are not rationed, strict
/// source checks are off, IPv6 is out of this comparison, and the agent may open ping sockets.
const SYSCTLS: [(&str, &str); 6] = [
    // Not icmp_ratelimit=0, which empties the bucket that other errors draw from as well.
    ("net/ipv4/icmp_ratemask", "0"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/all/send_redirects", "0"),
    ("net/ipv6/conf/all/disable_ipv6", "1"),
    ("net/ipv6/conf/default/disable_ipv6", "1"),
    ("net/ipv4/ping_group_range", "0 2147483647"),
];

/// Leaves the host's namespaces. What is mounted or made from here on goes away with the last process in it.
pub fn isolate() -> Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(|error| format!("prctl: {error}"))?;
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)
        .map_err(|error| format!("unshare: {error} (the kernel referee must run as root)"))?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(|error| format!("making mounts private: {error}"))?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none)
        .map_err(|error| format!("a private /run: {error}"))?;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| format!("getrlimit: {error}"))?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(|error| format!("setrlimit: {error}"))
}

/// Runs the exported script.
pub fn build(script: &str) -> Result<()> {
    let mut shell = Command::new("sh")
        .args(["-e", "-s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("sh: {error}"))?;
    if let Some(stdin) = &mut shell.stdin {
        stdin.write_all(script.as_bytes()).map_err(|error| format!("the script: {error}"))?;
    }
    let output = shell.wait_with_output().map_err(|error| format!("sh: {error}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    // Tools complain on stderr and go on; a cluster half built is no referee.
    if output.status.success() && stderr.trim().is_empty() {
        Ok(())
    } else {
        Err(format!("the exported script failed ({}): {stderr}", output.status))
    }
}

/// The cluster's namespaces, ready to be entered.
pub fn open(names: &[String]) -> Result<Vec<File>> {
    let mut namespaces = Vec::new();
    for name in names {
        let path = format!("/run/netns/{name}");
        let file = File::open(&path).map_err(|error| format!("{path}: {error}"))?;
        enter(&file)?;
        for (key, value) in SYSCTLS {
            let path = format!("/proc/sys/{key}");
            if std::fs::exists(&path).unwrap_or(false) {
                std::fs::write(&path, value).map_err(|error| format!("{path}: {error}"))?;
            }
        }
        wait_for_carrier(name)?;
        namespaces.push(file);
    }
    Ok(namespaces)
}

/// Sockets opened from now on belong to this namespace.
pub fn enter(namespace: &File) -> Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(|error| format!("setns: {error}"))
}

/// Empties the neighbour tables. The kernel takes namespaces away some time after their end, and until then their
/// neighbours would leave less room for those of other clusters.
pub fn forget_neighbors(namespaces: &[File]) -> Result<()> {
    for namespace in namespaces {
        enter(namespace)?;
        let output = Command::new("ip").args(["neigh", "flush", "all"]).output();
        output.map_err(|error| format!("ip neigh flush: {error}"))?;
    }
    Ok(())
}

/// The kernel activates a device's queue some time after its carrier comes up; packets before that are lost. In the same
/// way it takes time until a bridge without ports has lost its carrier.
fn wait_for_carrier(name: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let output = Command::new("ip").args(["-o", "link", "show", "up"]).output();
        let output = output.map_err(|error| format!("ip link: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if text.lines().all(|line| is_settled(line, &text)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("devices of {name} do not come up:\n{text}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether the device of a line of `ip -o link` is as it will stay, among the lines of all.
fn is_settled(line: &str, all: &str) -> bool {
    let name = line.split(": ").nth(1).unwrap_or_default();
    if name == "cni0" && !all.contains(" master cni0 ") {
        return line.contains("state DOWN");
    }
    !line.contains("qdisc noop ") && !line.contains("state DOWN")
}

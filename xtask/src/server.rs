//! A static server on this machine only: `server.mjs`, a child that lives as long as its `Site`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail};

use crate::command::{command, root};
use crate::dist::CONTENT_SECURITY_POLICY;

/// The folder that tests mount the site under: it must work from any.
const SUB_PATH: &str = "/some/where/";

/// What the server knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sends the `.br` beside a file to whoever takes it.
    Brotli,
    /// Knows nothing of compressed files, nor of policies, and has the site in a sub-folder.
    PlainInSubPath,
}

/// A running server. Its standard input is open as long as this program runs, however that ends.
pub struct Site {
    child: Child,
    kind: Kind,
    port: u16,
}

impl Site {
    /// Serves a folder; port 0 takes a free one.
    pub fn start(folder: &Path, port: u16, kind: Kind) -> Result<Self> {
        if !folder.join("index.html").is_file() {
            bail!("{} holds no site; `cargo xtask dist` builds one", folder.display());
        }
        let mut node = command("node", [root().join("xtask/src/server.mjs").as_path(), folder]);
        let kind_word = if kind == Kind::Brotli { "brotli" } else { SUB_PATH };
        node.args([port.to_string().as_str(), kind_word, CONTENT_SECURITY_POLICY]);
        let mut child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start node")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the server has no output")?).read_line(&mut line)?;
        let port = line.trim().parse().context("the server did not start")?;
        Ok(Site { child, kind, port })
    }

    pub fn url(&self) -> String {
        let path = if self.kind == Kind::PlainInSubPath { SUB_PATH } else { "/" };
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Serves until the program is stopped.
    pub fn wait(mut self) {
        // The server ends when its input does, and to wait closes the input that the child still holds.
        let input = self.child.stdin.take();
        self.child.wait().ok();
        drop(input);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Asks the desktop to show an address; without a desktop nothing happens.
pub fn open_in_browser(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if command(opener, [url]).spawn().is_err() {
        println!("no `{opener}` here: open the address by hand");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn answers(port: u16) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    #[test]
    fn a_site_is_served_until_it_is_stopped() {
        let site = Site::start(&root(), 0, Kind::Brotli).unwrap();
        let (port, server) = (site.port, site.child.id().to_string());
        let serving = std::thread::spawn(move || site.wait());
        let answered = (0..300).filter(|_| answers(port)).count();
        std::process::Command::new("kill").arg(server).status().unwrap();
        serving.join().unwrap();
        assert_eq!(answered, 300);
    }
}

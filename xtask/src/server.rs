//! A static server on this machine only, with the headers that a good host sends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Result, anyhow};
use tiny_http::{Header, Method, Request, Response, Server};

use crate::command::command;
use crate::dist::CONTENT_SECURITY_POLICY;

/// Enough for a browser's parallel requests.
const THREADS: usize = 6;
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

/// A running server.
pub struct Site {
    server: Arc<Server>,
    threads: Vec<JoinHandle<()>>,
    kind: Kind,
    port: u16,
}

impl Site {
    /// Serves a folder; port 0 takes a free one.
    pub fn start(folder: PathBuf, port: u16, kind: Kind) -> Result<Self> {
        if !folder.join("index.html").is_file() {
            return Err(anyhow!("{} holds no site; `cargo xtask dist` builds one", folder.display()));
        }
        let server =
            Server::http(("127.0.0.1", port)).map_err(|error| anyhow!("cannot listen on port {port}: {error}"))?;
        let server = Arc::new(server);
        let port = server.server_addr().to_ip().map_or(port, |address| address.port());
        let threads = (0..THREADS)
            .map(|_| {
                let (server, folder) = (server.clone(), folder.clone());
                std::thread::spawn(move || {
                    while let Ok(request) = server.recv() {
                        // A browser that has gone away is no error of the server's.
                        answer(request, &folder, kind).ok();
                    }
                })
            })
            .collect();
        Ok(Site { server, threads, kind, port })
    }

    pub fn url(&self) -> String {
        let path = if self.kind == Kind::PlainInSubPath { SUB_PATH } else { "/" };
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Serves until the program is stopped.
    pub fn wait(mut self) {
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for _ in 0..THREADS {
            self.server.unblock();
        }
    }
}

fn answer(request: Request, folder: &Path, kind: Kind) -> std::io::Result<()> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return request.respond(Response::from_string("only GET and HEAD\n").with_status_code(405));
    }
    let Some(path) = file_of(request.url(), folder, kind) else {
        return request.respond(Response::from_string("not found\n").with_status_code(404));
    };
    let takes_brotli = request.headers().iter().any(|header| {
        header.field.equiv("Accept-Encoding") && header.value.as_str().split([',', ' ', ';']).any(|word| word == "br")
    });
    let brotli = (kind == Kind::Brotli && takes_brotli).then(|| with_suffix(&path, ".br")).filter(|br| br.is_file());
    let mut response = Response::from_data(std::fs::read(brotli.as_ref().unwrap_or(&path))?);
    // tiny_http would send larger bodies in chunks, whose framing is no part of the file.
    response = response.with_chunked_threshold(usize::MAX);
    for (name, value) in headers(&path, kind, brotli.is_some()) {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    request.respond(response)
}

fn headers(path: &Path, kind: Kind, brotli: bool) -> Vec<(&'static str, &'static str)> {
    let mut headers = vec![("Content-Type", content_type(path)), ("Cache-Control", "no-cache")];
    if brotli {
        headers.push(("Content-Encoding", "br"));
    }
    if kind == Kind::Brotli {
        // As a header it holds for the worker as well.
        headers.extend([
            ("Vary", "Accept-Encoding"),
            ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
        ]);
    }
    headers
}

/// The file that a request names, always inside the folder.
fn file_of(url: &str, folder: &Path, kind: Kind) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next()?;
    let path = path.strip_prefix(if kind == Kind::PlainInSubPath { SUB_PATH } else { "/" })?;
    let mut file = folder.to_path_buf();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part.starts_with('.') || part.contains(['\\', '%', ':']) {
            return None;
        }
        file.push(part);
    }
    if file.is_dir() {
        file.push("index.html");
    }
    file.is_file().then_some(file)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("png") => "image/png",
        Some("md" | "txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
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

    #[test]
    fn only_files_inside_the_folder_are_found() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = |url| file_of(url, folder, Kind::Brotli);
        assert_eq!(found("/src/main.rs?x=1"), Some(folder.join("src/main.rs")));
        assert_eq!(found("/../Cargo.lock"), None);
        assert_eq!(found("/%2e%2e/Cargo.lock"), None);
        assert_eq!(found("/src"), None);
        assert_eq!(file_of("/src/main.rs", folder, Kind::PlainInSubPath), None);
        assert!(file_of("/some/where/src/main.rs", folder, Kind::PlainInSubPath).is_some());
    }
}

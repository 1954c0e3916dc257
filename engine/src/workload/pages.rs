//! The pages that web servers show as they come out of the box.

use crate::tables::App;
use std::sync::{Arc, LazyLock};

pub(super) const HTML: &str = "text/html";
pub(super) const PLAIN: &str = "text/plain; charset=utf-8";

static NGINX: LazyLock<Arc<str>> = LazyLock::new(|| {
    "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n<style>\nhtml { color-scheme: light dark; }\n\
     body { width: 35em; margin: 0 auto;\nfont-family: Tahoma, Verdana, Arial, sans-serif; }\n</style>\n</head>\n<body>\n\
     <h1>Welcome to nginx!</h1>\n<p>If you see this page, the nginx web server is successfully installed and\n\
     working. Further configuration is required.</p>\n\n<p>For online documentation and support please refer to\n\
     <a href=\"http://nginx.org/\">nginx.org</a>.<br/>\nCommercial support is available at\n\
     <a href=\"http://nginx.com/\">nginx.com</a>.</p>\n\n<p><em>Thank you for using nginx.</em></p>\n</body>\n</html>\n"
        .into()
});

pub(super) fn http(server: &str, content_type: &str, body: &str) -> App {
    App::Http { server: server.into(), content_type: content_type.into(), body: body.into(), alone: false }
}

/// `alone`: nothing but what the image has is there.
pub(super) fn nginx(version: Option<&str>, alone: bool) -> App {
    let server = format!("nginx/{}", version.unwrap_or("1.29.4"));
    App::Http { server: server.into(), content_type: HTML.into(), body: NGINX.clone(), alone }
}

pub(super) fn apache(version: Option<&str>, alone: bool) -> App {
    let server = format!("Apache/{} (Unix)", version.unwrap_or("2.4.66"));
    let body = "<html><body><h1>It works!</h1></body></html>\n".into();
    App::Http { server: server.into(), content_type: HTML.into(), body, alone }
}

/// A directory listing of Python's http.server, of an empty directory.
pub(super) fn python() -> App {
    let head = "<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                <title>Directory listing for /</title>\n</head>\n<body>\n<h1>Directory listing for /</h1>\n<hr>\n<ul>\n";
    http("SimpleHTTP/0.6 Python/3.13.5", "text/html; charset=utf-8", &format!("{head}</ul>\n<hr>\n</body>\n</html>\n"))
}

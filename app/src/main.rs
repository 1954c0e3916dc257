//! The page's start.

#[cfg(target_arch = "wasm32")]
fn main() {
    use podhop_app::{dom, platform, shell, state};
    dom::start(|| {
        let app = state::App::new();
        // The worker starts on the first cluster while the page is built.
        app.open();
        let page = shell::page(app);
        if let Some(boot) = platform::element("boot") {
            boot.remove();
        }
        if let Some(body) = platform::document().body() {
            let _ = body.append_child(&page.0);
        }
    });
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {}

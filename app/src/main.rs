//! The page's start.

#[cfg(target_arch = "wasm32")]
fn main() {
    let app = podhop_app::state::App::new();
    app.open();
    leptos::mount::mount_to_body(move || podhop_app::shell::page(app));
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {}

//! The page's start.

#[cfg(target_arch = "wasm32")]
fn main() {
    use leptos::prelude::*;
    leptos::mount::mount_to_body(|| view! { <p>"podhop"</p> });
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {}

//! The page's start.

#[cfg(target_arch = "wasm32")]
mod page {
    use podhop_app::{platform, shell, state, workspace};
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen]
    extern "C" {
        /// Brings the page's second half: start.js has it. Called by the first half of a site that was split (see
        /// `xtask/src/dist/split`) and by nothing here.
        #[wasm_bindgen(js_namespace = globalThis, js_name = podhopLoadRest)]
        fn load_rest();
    }

    /// Called by start.js, which has the module's exports by then.
    #[wasm_bindgen(js_name = openPage)]
    pub fn open_page() {
        // Under the owner of all effects, which lives as long as the page.
        leptos::mount::mount_to_body(|| {
            let app = state::App::new();
            // The worker starts on the first cluster while the page is built.
            workspace::keep::open(app);
            let page = shell::page(app);
            workspace::keep::keep(app);
            if let Some(boot) = platform::element("boot") {
                boot.remove();
            }
            if let Some(body) = platform::document().body() {
                let _ = body.append_child(&page.0);
            }
        });
        // Keeps the import in the module.
        if js_sys::global().is_null() {
            load_rest();
        }
    }
}

fn main() {}

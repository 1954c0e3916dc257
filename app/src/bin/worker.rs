//! The worker: the engine behind the protocol. A request comes as bytes, its reply goes back as bytes.

#[cfg(target_arch = "wasm32")]
fn main() {
    use podhop_engine::protocol::{Progress, Reply, ReplyBody, Request};
    use podhop_engine::scenario::library;
    use std::cell::Cell;
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen]
    extern "C" {
        /// Brings the engine's second half: worker.js has it. Called by the first half of a site that was split (see
        /// `xtask/src/dist/split`) and by nothing here.
        #[wasm_bindgen(js_namespace = globalThis, js_name = podhopLoadRest)]
        fn load_rest();
    }

    thread_local! {
        /// The question that is being answered.
        static ASKED: Cell<u32> = const { Cell::new(0) };
    }

    fn post(reply: &Reply) {
        let scope: web_sys::DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
        let Ok(bytes) = postcard::to_allocvec(reply) else { return };
        let buffer = js_sys::Uint8Array::from(bytes.as_slice()).buffer();
        let _ = scope.post_message_with_transfer(&buffer, &js_sys::Array::of1(&buffer));
    }

    fn tell(progress: Progress) {
        post(&Reply { id: ASKED.get(), body: ReplyBody::Progress(progress) });
    }

    let scope: web_sys::DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let mut server = library::server().watched(tell);
    let handler = Closure::<dyn FnMut(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
        let bytes = js_sys::Uint8Array::new(&event.data()).to_vec();
        let Ok(request) = postcard::from_bytes::<Request>(&bytes) else { return };
        // A text may be large.
        drop(bytes);
        ASKED.set(request.id);
        post(&server.handle(request));
    });
    scope.set_onmessage(Some(handler.as_ref().unchecked_ref()));
    // The handler lives as long as the worker.
    handler.forget();
    // Keeps the import in the module.
    if js_sys::global().is_null() {
        load_rest();
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {}

//! The worker as a pipe of bytes.

use gloo::events::EventListener;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Made by the page's starter: a worker that runs the engine, which is fetched and compiled once.
    #[wasm_bindgen(js_namespace = globalThis, js_name = podhopWorker)]
    fn podhop_worker() -> web_sys::Worker;
}

/// Ends with its owner: dropping it terminates the worker.
pub struct Worker {
    worker: web_sys::Worker,
    _listeners: [EventListener; 2],
}

impl Worker {
    /// Starts a worker. `message` gets what it sends; `failed` is called when it traps, with what the browser says.
    pub fn start(message: impl Fn(Vec<u8>) + 'static, failed: impl Fn(String) + 'static) -> Worker {
        let worker = podhop_worker();
        let listeners = [
            EventListener::new(&worker, "message", move |event| {
                let data = event.unchecked_ref::<web_sys::MessageEvent>().data();
                message(js_sys::Uint8Array::new(&data).to_vec());
            }),
            EventListener::new(&worker, "error", move |event| {
                let text = event.dyn_ref::<web_sys::ErrorEvent>().map(web_sys::ErrorEvent::message);
                failed(text.unwrap_or_default());
            }),
        ];
        Worker { worker, _listeners: listeners }
    }

    /// Sends bytes without copying them between the threads.
    pub fn send(&self, bytes: &[u8]) {
        let buffer = js_sys::Uint8Array::from(bytes).buffer();
        let _ = self.worker.post_message_with_transfer(&buffer, &js_sys::Array::of1(&buffer));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

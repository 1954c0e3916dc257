//! Bytes as the text of a link and back, by the browser's own compression.

use super::saved::{BYTES_MAX, Trouble, fragment, packed};
use crate::platform::window;
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, ReadableStreamDefaultReader, WritableStream};

const FORMAT: &str = "deflate-raw";

/// The fragment of a link (without `#`) with these bytes. `None` in a browser without compression streams.
pub async fn pack(bytes: &[u8]) -> Option<String> {
    let stream = CompressionStream::new(FORMAT).ok()?;
    let small = through(&stream.writable(), &stream.readable(), bytes).await.ok()?;
    let latin: String = small.iter().map(|byte| char::from(*byte)).collect();
    Some(fragment(&window().btoa(&latin).ok()?))
}

/// The bytes in a fragment (without `#`). `None` if it is another kind of fragment.
pub async fn unpack(fragment: &str) -> Option<Result<Vec<u8>, Trouble>> {
    let base64 = match packed(fragment)? {
        Ok(base64) => base64,
        Err(trouble) => return Some(Err(trouble)),
    };
    let Ok(latin) = window().atob(&base64) else { return Some(Err(Trouble::Damaged)) };
    let small: Vec<u8> = latin.chars().map(|letter| letter as u8).collect();
    let Ok(stream) = DecompressionStream::new(FORMAT) else {
        return Some(Err(Trouble::Damaged));
    };
    Some(through(&stream.writable(), &stream.readable(), &small).await)
}

async fn through(to: &WritableStream, from: &ReadableStream, bytes: &[u8]) -> Result<Vec<u8>, Trouble> {
    let writer = to.get_writer().map_err(|_| Trouble::Damaged)?;
    // What is wrong with the bytes is said to whoever reads.
    let ignored = Closure::<dyn FnMut(JsValue)>::new(|_| ()).into_js_value();
    let ignore = |promise: js_sys::Promise| promise.unchecked_ref::<JsPromise>().catch_with(&ignored);
    ignore(writer.write_with_chunk(&Uint8Array::from(bytes)).unchecked_into());
    ignore(writer.close().unchecked_into());
    let reader: ReadableStreamDefaultReader = from.get_reader().unchecked_into();
    let mut whole = Vec::new();
    loop {
        let read = JsFuture::from(reader.read()).await.map_err(|_| Trouble::Damaged)?;
        let of = |name: &str| Reflect::get(&read, &JsValue::from_str(name)).unwrap_or_default();
        if of("done").is_truthy() {
            return Ok(whole);
        }
        let chunk = Uint8Array::new(&of("value"));
        if whole.len() + chunk.length() as usize > BYTES_MAX {
            ignore(reader.cancel().unchecked_into());
            return Err(Trouble::TooLarge);
        }
        whole.extend_from_slice(&chunk.to_vec());
    }
}

#[wasm_bindgen]
extern "C" {
    // web-sys has these two only as unstable.
    type CompressionStream;
    #[wasm_bindgen(constructor, catch)]
    fn new(format: &str) -> Result<CompressionStream, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn readable(this: &CompressionStream) -> ReadableStream;
    #[wasm_bindgen(method, getter)]
    fn writable(this: &CompressionStream) -> WritableStream;

    type DecompressionStream;
    #[wasm_bindgen(constructor, catch)]
    fn new(format: &str) -> Result<DecompressionStream, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn readable(this: &DecompressionStream) -> ReadableStream;
    #[wasm_bindgen(method, getter)]
    fn writable(this: &DecompressionStream) -> WritableStream;

    /// A promise whose failure is of no interest.
    type JsPromise;
    #[wasm_bindgen(method, js_name = catch)]
    fn catch_with(this: &JsPromise, handler: &JsValue) -> JsValue;
}

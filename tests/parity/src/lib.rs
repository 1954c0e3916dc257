//! Every conversation of a scenario as JSON lines.

use wasm_bindgen::prelude::wasm_bindgen;

/// The scenario's traces, one JSON line each, or `error: …`.
#[wasm_bindgen]
pub fn traces(text: &str) -> String {
    let flows = match podhop_engine::scenario::flows(text) {
        Ok(flows) => flows,
        Err(message) => return format!("error: {message}\n"),
    };
    let line = |flow| serde_json::to_string(flow).unwrap_or_else(|error| format!("error: {error}"));
    flows.iter().map(|flow| line(flow) + "\n").collect()
}

//! What a scenario prints and every conversation of it, as JSON lines.

use wasm_bindgen::prelude::wasm_bindgen;

/// The scenario's answers, then its traces, one JSON line each, or `error: …`.
#[wasm_bindgen]
pub fn told(text: &str) -> String {
    let (report, flows) = match podhop_engine::scenario::traced(text) {
        Ok(told) => told,
        Err(message) => return format!("error: {message}\n"),
    };
    let answers = report.checks.iter().map(|check| Ok(serde_json::json!([check.what, check.printed, check.problem])));
    let flows = flows.iter().map(serde_json::to_value);
    let line = |value: serde_json::Result<serde_json::Value>| match value {
        Ok(value) => format!("{value}\n"),
        Err(error) => format!("error: {error}\n"),
    };
    answers.chain(flows).map(line).collect()
}

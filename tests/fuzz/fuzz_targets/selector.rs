//! Any text as a selector of Calico's: it is read or refused with a place in it, and what is read is written as it reads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use podhop_engine::manifest::expression::Expression;

/// Labels whose values are in their keys.
fn label(key: &str) -> Option<&str> {
    key.strip_prefix('a')
}

fuzz_target!(|text: &str| {
    match Expression::parse(text) {
        Ok(expression) => {
            let written = expression.text();
            let again = Expression::parse(&written).expect("Calico's own writing");
            assert_eq!(again.text(), written);
            assert_eq!(expression.matches(&label), again.matches(&label));
            let _ = expression.prefixed("pcns.").text();
        }
        Err(error) => {
            assert!(text.get(error.at).is_some() && !error.message.is_empty() && !error.hint.is_empty());
        }
    }
});

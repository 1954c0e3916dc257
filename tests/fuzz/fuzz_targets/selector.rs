//! Any text as a selector of Calico's: it is read or refused with a place in it, and what is read is written as it reads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use podhop_engine::manifest::expression::Expression;

fuzz_target!(|text: &str| {
    match Expression::parse(text) {
        Ok(expression) => {
            let written = expression.text();
            let again = Expression::parse(&written).expect("Calico's own writing");
            assert_eq!(again.text(), written);
            for value in [None, Some(""), Some("a")] {
                assert_eq!(expression.matches(&|_: &str| value), again.matches(&|_: &str| value));
            }
            let _ = expression.prefixed("pcns.").text();
        }
        Err(error) => {
            assert!(text.get(error.at).is_some() && !error.message.is_empty() && !error.hint.is_empty());
        }
    }
});

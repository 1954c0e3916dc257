//! Any bytes as a DNS message: what is understood can be written again, and means the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use podhop_engine::net::dns::Message;

fuzz_target!(|bytes: &[u8]| {
    let Some((message, marks)) = Message::parse_marked(bytes) else { return };
    assert!(marks.iter().all(|mark| mark.offset + mark.len <= bytes.len()));
    for compressed in [false, true] {
        let message = Message { compressed, ..message.clone() };
        let again = message.to_bytes();
        assert!(message.fits(again.len()), "the bound is too low, or too high");
        if again.len() <= usize::from(u16::MAX) {
            assert_eq!(Message::parse(&again), Some(Message { compressed: true, ..message.clone() }));
        }
    }
    let mut cut = message;
    cut.truncate(512);
    assert!(cut.len() <= 512 || cut.answers.is_empty());
});

//! The worker: the engine behind the protocol.

fn main() {}

//! From data to words: packets get names, steps sentences, rows their text and their cause in the YAML.
//!
//! Each sentence exists for engineers and for beginners; which one is shown is a choice of presentation.

mod cause;
mod ebpf;
mod ending;
mod events;
mod packet;
mod path;
mod rules;
mod sentence;
mod why;

pub use cause::{Cause, command_of, place_name, row_text, rules_name};
pub use ending::ending;
pub use events::pod_events;
pub use packet::{Envelope, envelope, label, title};
pub use path::{PathRule, chance, rule_path};
pub use sentence::{Sentence, sentence};
pub use why::{FORGOTTEN, Known, Question, Tried, TriedRow, Why, asks, why};

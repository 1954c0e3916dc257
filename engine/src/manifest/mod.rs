//! YAML text → object trees with source positions, typed projections and diagnostics.
//!
//! A text becomes a [`Source`]; [`parse()`] or [`Documents`] turn it into one [`Document`] per object, `List`s flattened.
//! Whatever is wrong becomes a [`Diagnostic`] with an exact [`Span`], a message and a hint; the rest still parses.

pub mod corefile;
pub mod diagnostic;
pub mod embedded;
pub mod emit;
pub mod expression;
pub mod fields;
pub mod nearest;
pub mod node;
pub mod parse;
pub mod source;
pub mod typed;
pub mod validate;

pub use diagnostic::{Diagnostic, Diagnostics, Fix, Severity};
pub use fields::FieldTable;
pub use node::{Key, Node, Span, Value};
pub use parse::{Document, Documents, Watch, parse};
pub use source::{Source, Sources};
pub use validate::{api_cause, path_at, validate};

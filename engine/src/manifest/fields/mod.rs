//! Every field that Kubernetes knows, and the check of an object against them.
//!
//! The table is text (`public/fields.txt`), made from the published API types: the command line embeds it, the page loads it
//! when it is idle. Without a table nothing is said about unknown fields.

mod check;
mod known;
mod table;

#[cfg(test)]
mod tests;

pub use check::check;
pub use known::known;
pub use table::{Field, FieldTable, Sort};

//! Scenarios: Markdown that reads well by itself, is a lab in the page, and is a test.
//!
//! Front matter says `title`, `summary`, `order` and the cluster's defaults (`cluster: {cni, proxy, nodes, seed}`).
//! `yaml` fences with a `title` are files, applied where the text says `kubectl apply -f`. `console` fences are commands
//! after a prompt and the output they must print; `...` on a line of its own stands for any lines, `[..]` for anything
//! within a line. `probe` fences say who reaches whom: `pod-a -> pod-b:80/TCP = allowed`.

mod compare;
mod document;
pub mod library;
mod probe;
mod run;

pub use document::{Block, Document, Step};
pub use run::{Check, Report, run, traced};

//! The tools' output.

//! The command line: the shell's grammar, text utilities, and the commands of the cluster.
pub mod complete;
mod environment;
pub mod files;
pub mod kubectl;
pub mod machine;
pub mod net;
pub mod remote;
pub mod shell;
pub mod terminal;
pub mod text;

//! The command line: the shell's grammar, text utilities, and the commands of the cluster.
pub mod kubectl;
pub mod shell;
pub mod text;

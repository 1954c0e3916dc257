//! How long things take, in nanoseconds: a plausible kernel on a plausible machine, the same every time.

use crate::trace::Nanos;

/// A program's system call, and a socket's wake-up.
pub const SOCKET: Nanos = 2_500;
/// A DNS server's work on one question.
pub const DNS: Nanos = 60_000;
/// One lookup in a table: route, neighbour, bridge FDB.
pub const LOOKUP: Nanos = 300;
/// Asking one table of rules.
pub const RULES: Nanos = 200;
/// A device's transmit and receive path.
pub const DEVICE: Nanos = 600;
/// From one end of a veth pair to the other (a softirq on the same CPU).
pub const VETH: Nanos = 1_500;
/// Adding or removing a tunnel header.
pub const TUNNEL: Nanos = 1_200;
/// Cable and switch between two nodes, one way.
pub const WIRE: Nanos = 18_000;

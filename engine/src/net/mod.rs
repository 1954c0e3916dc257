//! Addresses and packets.

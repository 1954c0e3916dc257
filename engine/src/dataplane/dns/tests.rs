//! Set by the tests of the world.

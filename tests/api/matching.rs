//! Whether an incoming person is already known.

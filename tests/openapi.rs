//! The committed contract: current, complete, and in step with the code.

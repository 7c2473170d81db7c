//! What was acknowledged is there after the process was killed.

//! The layout of `src/`, as documented, checked.

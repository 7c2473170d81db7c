//! Forms and what visitors submit to them.

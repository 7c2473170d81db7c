//! Migrations: the same on both databases, there and back, and safe when instances start at once.

//! A repeated request has one effect and one answer (C1).

//! The demonstration: `ripen demo` from an empty folder to a scored lead.

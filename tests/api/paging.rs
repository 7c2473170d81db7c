//! Lists: order, pages, filters.

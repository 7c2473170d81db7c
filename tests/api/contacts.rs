//! People: identity, consent, change, find.

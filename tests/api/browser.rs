//! The demonstration's landing page in a real browser.

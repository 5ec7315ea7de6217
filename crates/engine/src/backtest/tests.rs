//! What a draft would have done.

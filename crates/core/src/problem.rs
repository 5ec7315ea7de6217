//! What is wrong, in words a person can act on: a code, a cause and a way out, and where in which text it stands.

use serde::Serialize;

/// One problem found in a file or a request. Checks return all of them, never only the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `RB-0107`; each has a page that `ringback error` prints.
    pub code: &'static str,
    /// What is wrong, in one sentence without a full stop.
    pub cause: String,
    /// What to do about it, in one sentence without a full stop.
    pub cure: String,
    /// Byte range in the checked text, where one is known.
    pub at: Option<std::ops::Range<usize>>,
    /// A second place that the problem is about (the other of two contradicting lines).
    pub also_at: Option<std::ops::Range<usize>>,
}

impl Problem {
    /// A problem without a place.
    pub fn new(code: &'static str, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { code, cause: cause.into(), cure: cure.into(), at: None, also_at: None }
    }
    /// The same problem at a byte range of the checked text.
    #[must_use]
    pub fn at(mut self, range: std::ops::Range<usize>) -> Self {
        self.at = Some(range);
        self
    }
}

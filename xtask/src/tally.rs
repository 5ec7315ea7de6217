//! Reading along what `cargo test` prints: sums for the summary, and skipped tests made loud.
//!
//! libtest hides what a passing test prints, so a test that skips itself would do so in silence. The tests therefore run with
//! `--show-output`, and of that output only the lines that announce a skip are let through.

use std::fmt;

/// The words a test uses to say that it could not run.
pub const SKIPPED: &str = "SKIPPED (loudly)";

/// Sums over all test binaries of a run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
    pub measured: u64,
    pub filtered: u64,
    /// Each distinct skip announcement, in order of appearance.
    pub skipped: Vec<String>,
    in_successes: bool,
}

impl Tally {
    /// Takes one line of output; says whether it should be shown.
    pub fn line(&mut self, line: &str) -> bool {
        if let Some(at) = line.find(SKIPPED) {
            let said = line.get(at..).unwrap_or(line).trim().to_owned();
            let first = !self.skipped.contains(&said);
            if first {
                self.skipped.push(said);
            }
            return first;
        }
        if line.trim() == "successes:" {
            self.in_successes = true;
        } else if line.trim() == "failures:" {
            self.in_successes = false;
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.in_successes = false;
            self.add(counts);
        }
        !self.in_successes
    }

    /// `ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`
    fn add(&mut self, counts: &str) {
        for part in counts.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(n), Some(what)) = (words.next().and_then(|n| n.parse::<u64>().ok()), words.next()) else {
                continue;
            };
            match what {
                "passed" => self.passed += n,
                "failed" => self.failed += n,
                "ignored" => self.ignored += n,
                "measured" => self.measured += n,
                "filtered" => self.filtered += n,
                _ => {}
            }
        }
    }

    /// The closing line, in the words cargo itself uses, so that whoever reads logs of `cargo test` can read this one.
    pub fn closing(&self, all_ok: bool, seconds: f64) -> String {
        // A failing step that is no test (formatting, layering, …) counts as one failure: never "FAILED. 0 failed".
        let failed = if all_ok { self.failed } else { self.failed.max(1) };
        format!(
            "test result: {}. {} passed; {failed} failed; {} ignored; {} measured; {} filtered out; finished in {seconds:.2}s",
            if all_ok { "ok" } else { "FAILED" },
            self.passed,
            self.ignored,
            self.measured,
            self.filtered,
        )
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 3 tests
test a ... ok
test b ... ok
test c ... FAILED

successes:

---- a stdout ----
chatter of a
SKIPPED (loudly): no PostgreSQL in RINGBACK_TEST_POSTGRES

successes:
    a
    b

failures:

---- c stdout ----
left: 1, right: 2

failures:
    c

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.01s

running 1 test
SKIPPED (loudly): no PostgreSQL in RINGBACK_TEST_POSTGRES
test d ... ok

test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn sums_and_skips_come_through_and_chatter_does_not() {
        let mut tally = Tally::default();
        let shown: Vec<&str> = OUTPUT.lines().filter(|line| tally.line(line)).collect();
        assert_eq!((tally.passed, tally.failed, tally.ignored, tally.filtered), (3, 1, 2, 4));
        assert_eq!(tally.skipped, ["SKIPPED (loudly): no PostgreSQL in RINGBACK_TEST_POSTGRES"]);
        assert!(shown.contains(&"left: 1, right: 2"), "a failure is shown in full: {shown:?}");
        assert!(!shown.contains(&"chatter of a"));
        assert!(shown.contains(&"test d ... ok"), "the next binary is shown again");
    }

    #[test]
    fn the_closing_line_reads_like_cargos_own() {
        let tally = Tally { passed: 7, ..Tally::default() };
        let mut again = Tally::default();
        assert!(again.line(&tally.closing(true, 1.0)));
        assert_eq!(again.passed, 7);
        assert!(tally.closing(false, 1.0).starts_with("test result: FAILED. 7 passed; 1 failed;"));
    }
}

//! The only place that prints.

/// A line for people, on standard error.
#[expect(clippy::print_stderr, reason = "the story of a world is for whoever replays it")]
pub fn say(words: &str) {
    eprintln!("{words}");
}

/// A result, on standard output.
#[expect(clippy::print_stdout, reason = "results go to standard output")]
pub fn result(words: &str) {
    println!("{words}");
}

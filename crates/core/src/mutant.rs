//! Planted defects, so that the simulation can show that it would notice them.
//!
//! Only with the feature `mutants`, which a release build refuses. Without it [`on`] is a constant `false` and costs nothing.

#[cfg(all(feature = "mutants", not(debug_assertions)))]
compile_error!("the feature `mutants` plants defects; it cannot be part of a release build");

#[cfg(feature = "mutants")]
mod planted {
    use std::sync::RwLock;
    static CHOSEN: RwLock<Option<&'static str>> = RwLock::new(None);

    /// Plants one defect (or none) for the whole process.
    pub fn plant(name: Option<&'static str>) {
        if let Ok(mut chosen) = CHOSEN.write() {
            *chosen = name;
        }
    }
    /// Is that defect planted?
    pub fn on(name: &str) -> bool {
        CHOSEN.read().is_ok_and(|chosen| *chosen == Some(name))
    }
}
#[cfg(feature = "mutants")]
pub use planted::{on, plant};

/// Is that defect planted? Never, without the feature `mutants`.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn on(_name: &str) -> bool {
    false
}

/// All defects that can be planted.
pub const ALL: &[&str] = &[
    "look_before_create_skipped",
    "ack_before_commit",
    "read_back_skipped",
    "unknown_treated_as_retry",
    "in_flight_until_ignored",
    "dedupe_key_dropped",
    "blank_wins",
    "shared_number_linked",
    "clock_in_server_zone",
    "suppression_ignored",
];

//! Who must call back and by when: the calendar of a location, the clock of an inquiry, and its owner.

pub mod calendar;
pub mod clock;
pub mod condition;
pub mod owner;

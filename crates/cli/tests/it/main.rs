//! The real program, from outside: what it prints, how it ends, and what survives its death.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod contracts;
#[cfg(test)]
mod crms;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod drill;
#[cfg(test)]
mod events;
#[cfg(test)]
mod feeds;
#[cfg(test)]
mod home;
#[cfg(test)]
mod learned;
#[cfg(test)]
mod month;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod reviews;
#[cfg(test)]
mod senders;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod story;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod twilio;
#[cfg(test)]
mod workflows;

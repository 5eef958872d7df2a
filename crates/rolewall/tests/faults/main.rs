//! Faults, each really made to the unmodified program, at every step of a revision's life; and what is left after.
//! Not here: the deadline (`packets_test_mode`), and faults of what is read (`commands_input`).
//!
//! The whole matrix, some 20,000 cases and half an hour on two cores, prints the tables of FAULTS.md:
//!
//! ```text
//! cargo test -p rolewall --test faults -- --ignored --nocapture --test-threads=1 the_whole_matrix
//! ```

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(target_arch = "x86_64")]

#[path = "../support/mod.rs"]
mod support;

mod alarm;
mod calls;
mod clock;
mod disk;
mod judge;
mod matrix;
mod others;
mod power;
mod stage;
mod steps;
mod tracer;
mod view;

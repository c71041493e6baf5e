//! The logs of this crate from outside: the contract on each, and what disks and crashes do to the embedded one.
#![allow(clippy::unwrap_used)]

mod altering;
mod contract;
mod counting;
mod crashes;
mod damage;
mod faults;
mod faulty_disk;
mod groups;
mod harness;
mod restarts;
mod room;

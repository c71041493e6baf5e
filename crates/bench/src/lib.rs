//! The gateway's benchmark: load from raw sockets on it and, in the same run, on what bounds it.
//!
//! `gateway` plays the rounds; a `contestant` is a server in a process of its own, `load` drives all of them alike with the
//! same prebuilt `requests`, `disk` is the bound of the disk, `report` says what came out.

mod connection;
mod contestant;
mod disk;
mod events;
mod gateway;
mod kinesalite;
mod load;
mod process;
mod report;
mod requests;
mod server;

pub use contestant::{Contestant, Kind};
pub use gateway::{Plan, run};
pub use load::{Load, Outcome, Rate};
pub use report::Report;
pub use requests::{Request, kafka, kinesis, unknown_path};
pub use server::serve;

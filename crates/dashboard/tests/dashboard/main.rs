//! The dashboard as clients see it, in front of a node that answers from memory.

#![allow(clippy::unwrap_used)]

mod api;
mod events;
mod fake;
mod openapi;
mod origin;
mod page;

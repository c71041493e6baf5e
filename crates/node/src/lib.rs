//! The node: the only place where stages meet. It builds the parts that the configuration asks for, starts them, watches
//! them, and lets them finish.

mod balance;
mod check;
mod clock;
mod config;
mod crash;
mod credentials;
mod data_folder;
mod dead;
mod error;
mod fresh;
mod health;
mod lag;
mod listeners;
mod metrics;
mod node;
mod openapi;
mod operations;
mod pipeline_test;
mod server;
mod settle;
mod stages;
mod system_tables;
mod tail;
mod unknown_fields;
mod view;
mod work;

pub use check::check;
pub use clock::SystemClock;
pub use config::{AccessSettings, FreshLimits, ListenAddress, LogSettings, NodeConfig, TlsSettings};
pub use crash::{CrashPoint, CrashPointError, STEPS as CRASH_STEPS};
pub use data_folder::{NodeAddress, running_node};
pub use error::NodeError;
pub use metrics::reference as metrics_reference;
pub use node::Node;
pub use openapi::openapi;
pub use pinflow_gateway::{REQUEST_LOG_TARGET, RequestLog};
pub use pipeline_test::{TestOutcome, test};
pub use tail::{TailFrom, TailRecord};

//! Both logs keep the contract.

use pinflow_log::contract::Fixture;
use pinflow_log::{EmbeddedLog, EmbeddedOptions, MemoryLog};

mod memory {
    use super::*;

    async fn fresh() -> Fixture {
        Fixture::new(MemoryLog::new)
    }

    pinflow_log::contract_tests!(fresh);
}

mod embedded {
    use super::*;

    async fn fresh() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions { segment_bytes: 4 << 10, ..EmbeddedOptions::new(folder.path()) };
        Fixture::keeping(folder, |clock| EmbeddedLog::open(options, clock).unwrap())
    }

    pinflow_log::contract_tests!(fresh);
}

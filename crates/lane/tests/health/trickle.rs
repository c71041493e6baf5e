//! A day of trickle, at an accelerated clock: one event a second, a commit each. Files, log and the work of a query stay bounded.
//!
//! `PINFLOW_TEST_TRICKLE=86400 cargo test -p pinflow-lane --test health trickle -- --nocapture` is the whole day with the default
//! settings; without the variable it is a few minutes, with settings that make upkeep come as often.

use std::num::NonZeroU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::TryStreamExt;
use pinflow_clean::Cleaner;
use pinflow_lane::StreamLane;
use pinflow_table::{Table, TableRoot, Upkeep};

use crate::faulty_store::FaultyStore;
use crate::world::{AT_ONCE, World, files, stream};

/// Events of the short run.
const SHORT: u64 = 160;
/// How often the table is looked at.
const LOOKS: u64 = 8;

/// What there is after some seconds of trickle, and what reading all of it takes.
#[derive(Clone, Copy, Debug)]
struct Size {
    rows: u64,
    files: usize,
    log_entries: usize,
    files_on_disk: usize,
    /// Objects read and listings made by a query that opens the table and reads all rows.
    reads: u64,
    /// Objects that those listings showed.
    listed: u64,
}

async fn size(world: &World) -> Size {
    let columns = Cleaner::plan(&stream()).await.unwrap();
    // A store of its own: what the lane and its upkeep read meanwhile is not counted.
    let store = FaultyStore::new(world.folder.path());
    let tables = TableRoot::through(store.clone(), world.folder.path(), world.upkeep).unwrap();
    let table = Table::open(&tables.table("stream", "order").unwrap(), columns.output_schema()).await.unwrap();
    let rows: Vec<_> = table.scan(&["id"]).await.unwrap().try_collect().await.unwrap();
    Size {
        rows: rows.iter().map(|batch| batch.num_rows() as u64).sum(),
        files: table.file_count().unwrap(),
        log_entries: files(&world.table().join("_delta_log")),
        files_on_disk: files(&world.table()),
        reads: store.reads.load(Ordering::SeqCst),
        listed: store.listed.load(Ordering::SeqCst),
    }
}

async fn trickle(world: &World, lane: &mut StreamLane, seconds: std::ops::Range<u64>) {
    for second in seconds {
        let event = format!(r#"{{"id":{second},"note":"n{second}"}}"#);
        world.append(&[event.as_str()]).await;
        world.clock.advance(Duration::from_secs(1));
        lane.catch_up().await.unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how long to go on")]
fn seconds_from_environment() -> Option<u64> {
    std::env::var("PINFLOW_TEST_TRICKLE").ok().map(|text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trickle_leaves_a_table_that_is_read_as_quickly_as_before() {
    let mut world = World::new().await;
    let whole = seconds_from_environment();
    if whole.is_none() {
        let target_file_bytes = NonZeroU64::new(16 << 10).unwrap();
        world.upkeep = Upkeep { kept_commits: 40, target_file_bytes };
    }
    let seconds = whole.unwrap_or(SHORT);
    let kept = usize::try_from(world.upkeep.kept_commits).unwrap();
    let (mut lane, status) = world.lane(AT_ONCE).await;
    for look in 0..LOOKS {
        let (from, to) = (seconds * look / LOOKS, seconds * (look + 1) / LOOKS);
        trickle(&world, &mut lane, from..to).await;
        let size = size(&world).await;
        println!("after {to} s: {size:?}");
        assert_eq!(size.rows, to);
        // Files that wait for the steps of merging: 48 and 16 each, and what comes while a merge is under way.
        assert!(size.files <= 160, "{size:?}");
        // The kept commits, half as many until the next look, 20 from one checkpoint to the next, and the checkpoints; merges are
        // commits, too.
        assert!(size.log_entries <= kept * 13 / 8 + 60, "{size:?}");
        assert!(size.files_on_disk <= kept * 13 / 8 + 200, "{size:?}");
        // The log from the last checkpoint on, and a few reads a file.
        assert!(size.reads <= 60 + 3 * size.files as u64, "{size:?}");
        assert!(size.listed <= 2 * size.log_entries as u64 + 100, "{size:?}");
    }
    assert_eq!(status.get().batches, seconds);
}

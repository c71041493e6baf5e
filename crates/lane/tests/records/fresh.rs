//! Looks behind the table, at what is acknowledged and not committed.

use std::collections::BTreeMap;

use pinflow_event::{Offset, Partition};
use pinflow_lane::FreshRows;

use crate::world::{World, stream};

#[tokio::test(flavor = "multi_thread")]
async fn a_look_takes_as_much_of_one_partition_as_of_all() {
    let world = World::new(4).await;
    let event = |id: u64| format!(r#"{{"id":{id}}}"#);
    world.append(1, (0..7).map(event)).await;
    world.append(3, (7..10).map(event)).await;
    let lane = world.lane(stream()).await;
    let positions: BTreeMap<_, _> = (0..4).map(|partition| (Partition(partition), Offset::ZERO)).collect();
    for (records, bytes) in [(10, 1 << 20), (100, 100)] {
        match lane.fresh_tail(records, bytes).rows(positions.clone()).await.unwrap() {
            FreshRows::Rows(rows) => assert_eq!(rows.num_rows(), 10),
            other => panic!("{records} {bytes}: {other:?}"),
        }
    }
    // 80 bytes: one too few of either.
    for (records, bytes) in [(9, 1 << 20), (100, 79), (7, 1 << 20)] {
        let looked = lane.fresh_tail(records, bytes).rows(positions.clone()).await.unwrap();
        assert!(matches!(looked, FreshRows::TooFar { records: 10 }), "{records} {bytes}: {looked:?}");
    }
}

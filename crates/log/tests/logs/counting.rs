//! What the log counts while it stores.

use pinflow_log::EventLog;

use crate::harness::{append, kept_forever, open, topic};

#[tokio::test]
async fn every_append_is_in_a_group_and_every_group_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    let before = log.metrics();
    assert_eq!((before.group_sizes.count(), before.sync_durations.count(), before.waiting_bytes), (0, 0, 0));
    assert_eq!(before.waiting_bytes_limit, 64 << 20);

    for _ in 0..5 {
        append(&log, &["a", "b"]).await.unwrap();
    }
    let after = log.metrics();
    // Each append was alone, for the next one waited for it.
    assert_eq!((after.group_sizes.sum, after.group_sizes.count()), (5, 5));
    assert_eq!(after.sync_durations.count(), 5);
    assert!(after.sync_durations.sum > 0);
    assert_eq!(after.waiting_bytes, 0);

    assert!(append(&log, &[&"x".repeat(64 << 20)]).await.is_err());
    assert_eq!(log.metrics().group_sizes.count(), 5, "what is refused is in no group");
}

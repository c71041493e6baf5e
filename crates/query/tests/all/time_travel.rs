//! Older versions of tables.

use pinflow_pipeline::Lane;
use pinflow_query::QueryError;

use crate::fixture::Shop;

async fn three_versions() -> Shop {
    let shop = Shop::open();
    for id in 1..=3 {
        shop.append_orders(Lane::Batch, &[(Some(id), Some("Oslo"), None)]).await;
    }
    shop
}

/// Commits have the times of their files.
fn set_time(shop: &Shop, version: u64, seconds: u64) {
    let commit = shop.folder.path().join(format!("batch/order/_delta_log/{version:020}.json"));
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    std::fs::File::options().write(true).open(commit).unwrap().set_modified(time).unwrap();
}

#[tokio::test]
async fn a_version_is_read_by_its_number() {
    let shop = three_versions().await;
    // Version 0 makes the table.
    for (version, rows) in [(0, "0\n"), (1, "1\n"), (2, "2\n"), (3, "3\n")] {
        assert_eq!(shop.rows(&format!("SELECT count(*) FROM `order` VERSION AS OF {version}")).await, rows);
    }
    let added =
        "SELECT now.id FROM batch.`order` AS now LEFT ANTI JOIN `order` VERSION AS OF 2 AS then ON now.id = then.id";
    assert_eq!(shop.rows(added).await, "3\n");
    assert_eq!(shop.rows("SELECT `order`.id FROM batch.`order` VERSION AS OF 1").await, "1\n");
    assert_eq!(shop.rows("SELECT count(*) FROM `order`").await, "3\n", "the newest is read as before");
}

#[tokio::test]
async fn a_version_is_read_by_its_time() {
    let shop = three_versions().await;
    for version in 0..=3 {
        set_time(&shop, version, 1_000 + version);
    }
    for (time, rows) in [("00:16:40", "0\n"), ("00:16:41", "1\n"), ("00:16:42.5", "2\n"), ("23:59:59", "3\n")] {
        let sql = format!("SELECT count(*) FROM batch.`order` TIMESTAMP AS OF '1970-01-01 {time}'");
        assert_eq!(shop.rows(&sql).await, rows, "{time}");
    }
    for time in ["1970-01-01 00:16:39", "1969-12-31"] {
        let error = shop.query(&format!("SELECT 1 FROM `order` TIMESTAMP AS OF '{time}'")).await.unwrap_err();
        assert!(matches!(error, QueryError::NoVersion { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_version_that_is_not_there_is_said_so() {
    let shop = three_versions().await;
    let message = shop.refusal("SELECT * FROM `order` VERSION AS OF 4").await;
    assert_eq!(
        message,
        "table `batch.order` has no version 4 (any more); `tables.kept_commits` says how many versions are kept"
    );
    let message = shop.refusal("SELECT * FROM result.by_place VERSION AS OF 0").await;
    assert!(message.contains("does not exist yet"), "{message}");
    let message = shop.refusal("SELECT * FROM ordr VERSION AS OF 0").await;
    assert!(message.contains("did you mean `order`?"), "{message}");
    for log in std::fs::read_dir(shop.folder.path().join("batch/order/_delta_log")).unwrap() {
        let log = log.unwrap().path();
        if log.to_string_lossy().ends_with("00001.json") {
            std::fs::remove_file(log).unwrap();
        }
    }
    let error = shop.query("SELECT * FROM `order` VERSION AS OF 1").await.unwrap_err();
    assert!(matches!(error, QueryError::NoVersion { .. }), "{error}");
}

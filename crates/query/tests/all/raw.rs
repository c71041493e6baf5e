//! `raw.*`: archived events as rows, and no more of them read than a question needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, stream};
use pinflow_query::{RawEvent, RawEvents, RawSelection, RawTopics};

use crate::fixture::Shop;

/// Two partitions of ten objects of ten events; counts the objects that were read.
#[derive(Debug, Default)]
struct Archive {
    read: Arc<AtomicUsize>,
}

fn value(offset: u64) -> Option<Vec<u8>> {
    match offset {
        7 => None,
        8 => Some(vec![0xff]),
        _ => Some(format!("{{\"n\":{offset}}}").into_bytes()),
    }
}

impl RawTopics for Archive {
    fn topics(&self) -> Vec<String> {
        vec!["orders".to_owned(), "demo.more".to_owned()]
    }

    fn events(&self, topic: &str, selection: RawSelection) -> RawEvents {
        if topic != "orders" {
            return stream::iter([Err("the disk is gone".to_owned())]).boxed();
        }
        let objects = (0..2_u32).flat_map(|partition| (0..10_u64).map(move |object| (partition, object * 10)));
        let offsets = selection.offsets;
        let wanted: Vec<_> = objects
            .filter(|(partition, start)| {
                selection.partitions.contains(partition) && *start < offsets.end && start + 10 > offsets.start
            })
            .collect();
        let read = Arc::clone(&self.read);
        let events = move |(partition, start): (u32, u64)| {
            read.fetch_add(1, Ordering::SeqCst);
            let object: Arc<str> = format!("orders+{partition}+{start}.json").into();
            let event = |offset| RawEvent { partition, offset, value: value(offset), object: Arc::clone(&object) };
            Ok((start..start + 10).map(event).collect())
        };
        stream::iter(wanted.into_iter().map(events)).boxed()
    }
}

fn shop() -> (Shop, Arc<AtomicUsize>) {
    let (shop, archive) = (Shop::open(), Archive::default());
    let read = Arc::clone(&archive.read);
    (Shop { engine: shop.engine.with_raw(Arc::new(archive)), folder: shop.folder }, read)
}

#[tokio::test]
async fn events_are_rows() {
    let (shop, _) = shop();
    assert_eq!(shop.rows("SELECT count(*), count(value), count(bytes) FROM raw.orders").await, "200,196,198\n");
    let sql = "SELECT topic, partition, offset, value, object FROM raw.orders WHERE offset = 12 AND partition = 1";
    assert_eq!(shop.rows(sql).await, "orders,1,12,\"{\"\"n\"\":12}\",orders+1+10.json\n");
}

#[tokio::test]
async fn no_more_is_read_than_a_question_needs() {
    let (shop, read) = shop();
    for (sql, objects) in [
        ("SELECT count(*) FROM raw.orders WHERE partition = 1 AND offset BETWEEN 15 AND 29", 2),
        ("SELECT count(*) FROM raw.orders WHERE offset >= 95", 2),
        ("SELECT count(*) FROM raw.orders WHERE partition > 1", 0),
        ("SELECT count(*) FROM raw.orders", 20),
    ] {
        read.store(0, Ordering::SeqCst);
        shop.rows(sql).await;
        assert_eq!(read.load(Ordering::SeqCst), objects, "{sql}");
    }
    assert_eq!(
        shop.rows("SELECT count(*) FROM raw.orders WHERE partition = 1 AND offset BETWEEN 15 AND 29").await,
        "15\n"
    );
    read.store(0, Ordering::SeqCst);
    assert_eq!(shop.rows("SELECT offset FROM raw.orders LIMIT 3").await.lines().count(), 3);
    assert!(read.load(Ordering::SeqCst) < 10, "{} objects", read.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_topic_has_the_name_of_its_stream_too() {
    let (shop, _) = shop();
    assert_eq!(shop.rows("SELECT count(*) FROM raw.`order`").await, "200\n");
    assert!(shop.refusal("SELECT 1 FROM raw.ordrs").await.contains("did you mean `raw.orders`?"));
    assert!(shop.refusal("SELECT 1 FROM raw.demo.more").await.contains("did you mean raw.`demo.more`?"));
    assert!(shop.refusal("SELECT valu FROM raw.orders").await.contains("did you mean `value`?"));
    let broken = shop.refusal("SELECT offset FROM raw.`demo.more`").await;
    assert!(broken.contains("`raw.demo.more` cannot be read: the disk is gone"), "{broken}");
    assert!(Shop::open().refusal("SELECT 1 FROM raw.orders").await.contains("there is no table"));
}

//! What cannot be cleaned goes to the dead letters of its stream, from both lanes, and its neighbours go on.

use pinflow_dashboard::view::Lane;
use pinflow_pipeline::{UnknownFieldPolicy, WrongType};
use serde_json::{Value, json};

use crate::support::{Running, config, pinterest, start};

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_are_kept_with_their_place_and_reason() {
    let data = tempfile::tempdir().unwrap();
    let pipeline = pinterest();
    let running = start(config(data.path(), pipeline.clone())).await;
    let geo = pipeline.stream("geo").unwrap();
    let good = |ind: u64| json!({"ind": ind, "timestamp": "2020-08-28 03:52:47", "latitude": 1, "longitude": 2.5, "country": "Peru"});
    let events = [
        good(1),
        json!("not an object"),
        json!({"ind": "1", "country": "Peru"}),
        json!({"country": "nowhere"}),
        json!({"ind": 9, "country": {"nested": true}}),
        json!(null),
        good(2),
        good(1),
    ];
    running.post_batch(geo, &events).await;
    running.post_stream(geo, &events[..5]).await;
    running.post_stream(geo, &events[6..]).await;

    // Bytes that are no JSON can come in over the binary form alone.
    let reply = running
        .client
        .post(running.url.join(&format!("topics/{}", geo.batch.topic)).unwrap())
        .header("content-type", "application/vnd.kafka.binary.v2+json")
        .body(r#"{"records":[{"value":"/wAKew=="},{"value":""}]}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
    running.node.settle().await.unwrap();
    running.run("daily").await;

    for lane in [Lane::Batch, Lane::Stream] {
        let rows = running.query("SELECT ind, country FROM geo ORDER BY ind", lane).await.rows;
        assert_eq!(rows, [vec![json!(1), json!("Peru")], vec![json!(2), json!("Peru")]], "{lane:?}");
    }
    let letters = running.node.view().dead("geo", &Default::default(), 100).await.unwrap();
    let mut batch: Vec<_> = letters.iter().filter(|letter| letter.lane == Lane::Batch).collect();
    batch.sort_by_key(|letter| letter.offset);
    let offsets: Vec<u64> = batch.iter().map(|letter| letter.offset).collect();
    assert_eq!(offsets, [1, 2, 3, 4, 5, 8, 9]);
    let reasons: Vec<&str> = batch.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons[0], "not a JSON object");
    assert_eq!(reasons[1], "field `ind` is a string, not a bigint");
    assert_eq!(reasons[2], "the key `ind` is missing or null");
    assert_eq!(reasons[3], "field `country` is an object, not a string");
    assert_eq!(reasons[4], "the record has no value");
    assert!(reasons[5].starts_with("not JSON") && reasons[6].starts_with("not JSON"), "{reasons:?}");
    assert_eq!(batch[0].raw, r#""not an object""#);
    assert_eq!((batch[0].topic.as_str(), batch[0].partition), (geo.batch.topic.as_str(), 0));
    let live: Vec<u64> =
        letters.iter().filter(|letter| letter.lane == Lane::Stream).map(|letter| letter.offset).collect();
    assert_eq!(live.len(), 4);

    // The raw bytes are the client's own, also where they are no text.
    let raw = running
        .query("SELECT hex(CAST(raw AS BINARY)) FROM dead.geo WHERE lane = 'batch' AND offset = 8", Lane::Batch)
        .await;
    assert_eq!(raw.rows, [vec![Value::from("FF000A7B")]]);
    running.assert_balanced().await;
    running.node.stop().await.unwrap();
}

/// Sends JSON and gives the JSON that comes back.
async fn post(running: &Running, path: &str, body: &Value) -> Value {
    let request = running.client.post(running.url.join(path).unwrap()).header("content-type", "application/json");
    let reply = request.body(body.to_string()).send().await.unwrap();
    assert_eq!(reply.status(), 200, "{path}");
    serde_json::from_str(&reply.text().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn mended_letters_are_cleaned_again_over_the_api_and_hopeless_ones_given_up() {
    let data = tempfile::tempdir().unwrap();
    let mut pipeline = pinterest();
    let events = [
        json!({"ind": 1, "country": "Peru", "latitude": 1, "colour": "red"}),
        json!({"ind": 2, "country": "Peru", "latitude": "north"}),
        json!("not an object"),
    ];
    let running = start(config(data.path(), pipeline.clone())).await;
    let geo = pipeline.stream("geo").unwrap();
    running.post_batch(geo, &events).await;
    running.post_stream(geo, &events).await;
    running.node.settle().await.unwrap();
    running.run("daily").await;
    let unknown = "SELECT lane, field, policy, met, not_evolved FROM system.unknown_fields ORDER BY lane";
    let row = |lane: &str| vec![json!(lane), json!("colour"), json!("hold"), json!(1), json!(0)];
    assert_eq!(running.query(unknown, Lane::Batch).await.rows, [row("batch"), row("stream")]);
    running.node.stop().await.unwrap();

    let geo = pipeline.streams.iter_mut().find(|stream| stream.name == "geo").unwrap();
    geo.schema.iter_mut().find(|field| field.name == "latitude").unwrap().wrong_type = WrongType::Null;
    let running = start(config(data.path(), pipeline.clone())).await;
    let outcome = post(&running, "api/dead/geo/retry", &json!({"letters": {"reason": "latitude"}})).await;
    let nulled = "SELECT table_name, rows, nulled, definition IS NOT NULL, notes LIKE '%latitude%' FROM system.history
        WHERE nulled > 0 ORDER BY table_name";
    let row = |table: &str| vec![json!(table), json!(1), json!(1), json!(true), json!(true)];
    assert_eq!(running.query(nulled, Lane::Batch).await.rows, [row("batch.geo"), row("stream.geo")]);
    assert_eq!(outcome, json!({"rows": 2, "duplicates": 0, "filtered": 0, "dropped": 0, "dead": 0}));
    running.assert_balanced().await;
    let shown = running.node.view().dead_letter("geo", Lane::Stream, 0, 2).await.unwrap();
    assert_eq!((shown.raw.as_str(), shown.raw_base64), ("not an object", None));
    assert!(shown.arrived_ms.is_some());
    let outcome = post(&running, "api/dead/geo/drop", &json!({"letters": {}, "note": "hopeless"})).await;
    assert_eq!(outcome, json!({"rows": 0, "duplicates": 0, "filtered": 0, "dropped": 2, "dead": 0}));
    running.assert_balanced().await;
    running.node.stop().await.unwrap();

    let running = start(config(data.path(), pipeline)).await;
    running.assert_balanced().await;
    let rows = running.query("SELECT ind FROM geo ORDER BY ind", Lane::Stream).await.rows;
    assert_eq!(rows, [vec![json!(1)], vec![json!(2)]]);
    let balance = running.query("SELECT sum(dead), sum(dropped) FROM system.balance", Lane::Batch).await.rows;
    assert_eq!(balance, [vec![json!(0), json!(2)]]);
    running.node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_no_schema_declares_become_columns_on_both_lanes() {
    let data = tempfile::tempdir().unwrap();
    let mut pipeline = pinterest();
    let geo = pipeline.streams.iter_mut().find(|stream| stream.name == "geo").unwrap();
    geo.unknown_fields.others = UnknownFieldPolicy::Evolve;
    let running = start(config(data.path(), pipeline.clone())).await;
    let geo = pipeline.stream("geo").unwrap();
    let events = [json!({"ind": 1, "colour": "red"}), json!({"ind": 2})];
    running.post_batch(geo, &events).await;
    running.post_stream(geo, &events).await;
    running.node.settle().await.unwrap();
    running.run("daily").await;
    for lane in [Lane::Batch, Lane::Stream] {
        let rows = running.query("SELECT ind, colour FROM geo ORDER BY ind", lane).await.rows;
        assert_eq!(rows, [vec![json!(1), json!("red")], vec![json!(2), Value::Null]], "{lane:?}");
    }
    running.assert_balanced().await;
    // A column that one lane has alone so far, and a name that no column can have.
    running.post_stream(geo, &[json!({"ind": 3, "weight": 5, "no column": 1})]).await;
    running.node.settle().await.unwrap();
    let compared = running.node.view().reconcile(Some("geo")).await.unwrap().remove(0);
    assert_eq!((compared.equal, compared.only_in_stream, compared.only_in_batch), (false, 1, 0));
    running.node.stop().await.unwrap();
}

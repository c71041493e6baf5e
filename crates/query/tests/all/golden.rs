//! The built-in pipeline's nine questions on the cleaned golden tables give exactly what real Spark gave, on both lanes.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::json::ReaderBuilder;
use pinflow_pipeline::{Lane, Overrides, built_in};
use pinflow_query::QueryLimits;
use tokio_util::sync::CancellationToken;

use crate::fixture::Shop;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/expected")
}

fn columns(stream: &str) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let whole = |name: &str| Field::new(name, DataType::Int64, true);
    let instant = |name: &str| Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true);
    let pair = DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)));
    let fields = match stream {
        "pin" => vec![
            whole("ind"),
            text("unique_id"),
            text("title"),
            text("description"),
            whole("follower_count"),
            text("poster_name"),
            text("tag_list"),
            text("is_image_or_video"),
            text("image_src"),
            text("save_location"),
            text("category"),
        ],
        "geo" => vec![whole("ind"), text("country"), Field::new("coordinates", pair, true), instant("timestamp")],
        _ => vec![whole("ind"), text("user_name"), whole("age"), instant("date_joined")],
    };
    Arc::new(Schema::new(fields))
}

fn cleaned(stream: &str) -> Vec<RecordBatch> {
    let file = File::open(golden().join(format!("clean/{stream}.ndjson"))).unwrap();
    ReaderBuilder::new(columns(stream)).build(BufReader::new(file)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// The header, and the rows sorted: their order is no part of the golden answers.
fn sorted(csv: &str) -> (String, Vec<String>) {
    let mut lines = csv.lines().map(str::to_owned);
    let header = lines.next().unwrap();
    let mut rows: Vec<String> = lines.collect();
    rows.sort();
    (header, rows)
}

#[tokio::test]
async fn the_nine_answers_are_sparks_on_both_lanes() {
    let pipeline = built_in(&Overrides::default()).unwrap();
    let streams: Vec<_> =
        pipeline.streams.iter().map(|s| (s.name.clone(), s.batch.table.clone(), s.stream.table.clone())).collect();
    let queries: Vec<String> = pipeline.queries.iter().map(|query| query.name.clone()).collect();
    let shop = Shop::of(pipeline, &HashMap::new(), QueryLimits::default());
    for (stream, batch, live) in &streams {
        shop.append("batch", batch, cleaned(stream)).await;
        shop.append("stream", live, cleaned(stream)).await;
    }
    assert_eq!(queries.len(), 9);
    let none = CancellationToken::new();
    for lane in Lane::ALL {
        for query in &queries {
            let expected = std::fs::read_to_string(golden().join(format!("results/{query}.csv"))).unwrap();
            let answer = shop.engine.ask(query, lane, &none).await.unwrap();
            assert_eq!(sorted(&answer.to_csv()), sorted(&expected), "{query} on the {lane} lane");
        }
    }
    for (stream, ..) in &streams {
        assert!(shop.engine.reconcile(stream, &none).await.unwrap().is_equal(), "{stream}");
    }
}

//! What a caller of the crate relies on, beyond single answers.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Int64Array, LargeStringArray, StringArray, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};
use pinflow_dialect::{DialectError, plan, session};

async fn ask(session: &SessionContext, sql: &str) -> Vec<RecordBatch> {
    let plan = plan(session, sql).await.unwrap();
    session.execute_logical_plan(plan).await.unwrap().collect().await.unwrap()
}

#[tokio::test]
async fn text_of_every_arrow_type_is_understood() {
    let texts = ["2020-08-28 03:52:47", "nonsense", "2020"];
    let arrays: [ArrayRef; 3] = [
        Arc::new(StringArray::from_iter_values(texts)),
        Arc::new(LargeStringArray::from_iter_values(texts)),
        Arc::new(StringViewArray::from_iter_values(texts)),
    ];
    for array in arrays {
        let kind = array.data_type().clone();
        let session = session(SessionConfig::new());
        session.register_batch("input", RecordBatch::try_from_iter([("x", array)]).unwrap()).unwrap();
        let batches = ask(
            &session,
            "SELECT try_to_timestamp(x) AS t, year(x) AS y, regexp_replace(x, '[0-9]', '#') AS r, CAST(x AS int) AS i FROM input",
        )
        .await;
        let batch = &batches[0];
        assert_eq!(
            batch.column(0).data_type(),
            &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            "{kind}"
        );
        assert_eq!(batch.column(0).null_count(), 1);
        assert_eq!(batch.column(2).as_string::<i32>().value(2), "####");
        assert_eq!(batch.column(3).null_count(), 2);
    }
}

#[tokio::test]
async fn percentiles_are_exact_over_many_partitions_and_groups() {
    let session = session(SessionConfig::new().with_target_partitions(4).with_batch_size(100));
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values((0..10_000).map(|i| i * 7919 % 10_000)));
    session.register_batch("numbers", RecordBatch::try_from_iter([("x", values)]).unwrap()).unwrap();
    let batches = ask(
        &session,
        "SELECT x % 10 AS g, percentile_approx(x, 0.5) AS middle FROM numbers GROUP BY x % 10 ORDER BY g",
    )
    .await;
    let middles = batches[0].column(1).as_primitive::<arrow::datatypes::Int64Type>();
    // Group g holds g, g + 10, ..., g + 9990: the 500th of them.
    assert_eq!(middles.values().to_vec(), (0..10).map(|g| 4990 + g).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_year_is_compared_by_its_first_and_last_instant() {
    let session = session(SessionConfig::new());
    // The edges of 2019 and 2020, to the microsecond, and nothing.
    let edges = [1_546_300_800_000_000_i64, 1_577_836_800_000_000, 1_609_459_200_000_000];
    let instants = edges.iter().flat_map(|edge| [edge - 1, *edge]).map(Some).chain([None, Some(-1), Some(0)]);
    let instants: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter(instants).with_timezone("UTC"));
    session.register_batch("events", RecordBatch::try_from_iter([("t", instants)]).unwrap()).unwrap();
    let count = async |condition: &str| {
        let batches = ask(&session, &format!("SELECT count(*) AS n FROM events WHERE {condition}")).await;
        batches[0].column(0).as_primitive::<arrow::datatypes::Int64Type>().value(0)
    };
    for comparison in [
        "= 2020",
        "<> 2020",
        "< 2020",
        "<= 2020",
        "> 2019",
        ">= 2019",
        "BETWEEN 2019 AND 2020",
        "NOT BETWEEN 2019 AND 2020",
        "IN (2018, 2020)",
        "IS NOT DISTINCT FROM 2020",
        "IS DISTINCT FROM 2020",
        "= 300000",
        "< 2147483647",
        "= 2020.5",
    ] {
        // With an addition between them, each year is computed.
        let (compared, computed) = (format!("year(t) {comparison}"), format!("year(t) + 0 {comparison}"));
        assert_eq!(count(&compared).await, count(&computed).await, "{compared}");
    }
    let frame = plan(&session, "EXPLAIN SELECT * FROM events WHERE year(t) BETWEEN 2019 AND 2020").await.unwrap();
    let frame = session.execute_logical_plan(frame).await.unwrap();
    let explained = pretty_format_batches(&frame.collect().await.unwrap()).unwrap().to_string();
    let physical = explained.split("physical_plan").nth(1).unwrap();
    assert!(physical.contains("1546300800000000") && !physical.contains("year("), "{explained}");
}

#[tokio::test]
async fn percentiles_pass_over_nulls_and_what_a_filter_leaves_out() {
    let session = session(SessionConfig::new().with_target_partitions(4).with_batch_size(100));
    let values: ArrayRef = Arc::new(Int64Array::from_iter((0..10_000).map(|i| (i % 7 != 0).then_some(i))));
    session.register_batch("numbers", RecordBatch::try_from_iter([("x", values)]).unwrap()).unwrap();
    let sql = "SELECT coalesce(x, -1) % 3 AS g,
            percentile_approx(x, array(0.0, 0.5, 1.0)) FILTER (WHERE x % 2 = 0)[1] AS middle,
            percentile_approx(CAST(x AS decimal(12, 2)), 1) FILTER (WHERE x > 20000) AS none,
            percentile_approx(CAST(x AS double) / 2, 0.25) AS quarter
        FROM numbers GROUP BY ALL ORDER BY g";
    let answer = &ask(&session, sql).await[0];
    let of = |group: i64| (0..10_000).filter(move |i| i % 7 != 0 && i % 3 == group);
    let place = |share: f64, count: usize| (share * count as f64).ceil() as usize - 1;
    for group in 0..3_i64 {
        let row = 1 + group as usize;
        let even: Vec<i64> = of(group).filter(|i| i % 2 == 0).collect();
        let middle = answer.column(1).as_primitive::<arrow::datatypes::Int64Type>().value(row);
        assert_eq!(middle, even[place(0.5, even.len())]);
        let all: Vec<i64> = of(group).collect();
        let quarter = answer.column(3).as_primitive::<arrow::datatypes::Float64Type>().value(row);
        assert_eq!(quarter, all[place(0.25, all.len())] as f64 / 2.0);
    }
    assert_eq!(answer.column(2).null_count(), 4, "nothing is left of any group");
    assert_eq!((answer.num_rows(), answer.column(1).null_count()), (4, 1), "the nulls are a group without values");
}

#[tokio::test]
async fn a_percentile_grows_with_the_frame_of_a_window() {
    let session = session(SessionConfig::new());
    let sql = "SELECT x, percentile_approx(x, 0.5) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS middle
        FROM (VALUES (1), (2), (3), (4), (5), (6)) AS t(x) ORDER BY x";
    let answer = &ask(&session, sql).await[0];
    let middles = answer.column(1).as_primitive::<arrow::datatypes::Int64Type>();
    assert_eq!(middles.values().to_vec(), [1, 1, 2, 2, 3, 3]);
}

#[tokio::test]
async fn a_wrong_pattern_or_share_is_an_error_and_no_panic() {
    let session = session(SessionConfig::new());
    for sql in [
        "SELECT regexp_replace('a', '(', 'b')",
        "SELECT 'a' RLIKE '(?=a)'",
        "SELECT date_format(now(), 'QQQ')",
        "SELECT percentile_approx(1, 2.0)",
        "SELECT percentile_approx(x, x) FROM (VALUES (1)) AS t(x)",
        "SELECT element_at(1, 1)",
        "SELECT try_to_timestamp()",
        "SELECT unknown_function(1)",
    ] {
        let outcome = match plan(&session, sql).await {
            Ok(plan) => match session.execute_logical_plan(plan).await {
                Ok(frame) => frame.collect().await.map(|_| ()).map_err(DialectError::from),
                Err(cause) => Err(cause.into()),
            },
            Err(cause) => Err(cause),
        };
        assert!(outcome.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn what_datafusion_parses_itself_means_the_same_without_backslashes() {
    let session = session(SessionConfig::new());
    let sql = "SELECT `index`, 1 / 2 AS half, year('2020-01-01') AS y FROM (VALUES (1)) AS t(`index`)";
    let theirs = session.sql(sql).await.unwrap().collect().await.unwrap();
    assert_eq!(ask(&session, sql).await, theirs);
}

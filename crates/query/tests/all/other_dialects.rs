//! Sessions of other dialects: DataFusion's own SQL here, as a protocol with a parser of its own would bring it.

use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use pinflow_pipeline::Lane;
use pinflow_query::{QueryEngine, QueryError, QueryLimits, QueryWatch};

use crate::fixture::Shop;

const ENDLESS: &str = "SELECT count(*) FROM range(0, 1000000000000000) WHERE value % 7 = 3";

fn session(shop: &Shop, watch: &QueryWatch) -> SessionContext {
    let config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(QueryEngine::CATALOG, QueryEngine::DEFAULT_SCHEMA)
        .with_extension(Arc::new(watch.clone()));
    let state = shop.engine.bound(SessionStateBuilder::new().with_config(config).with_default_features()).build();
    let session = SessionContext::new_with_state(state);
    session.register_catalog(QueryEngine::CATALOG, shop.engine.tables(true));
    session
}

async fn ask(shop: &Shop, session: &SessionContext, sql: &str) -> Result<usize, QueryError> {
    let answer = async { session.sql(sql).await?.collect().await };
    let batches = answer.await.map_err(|cause| shop.engine.explain(&cause))?;
    Ok(batches.iter().map(|batch| batch.num_rows()).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn they_read_the_same_tables_within_the_same_limits() {
    let limits = QueryLimits { rows: 2, time: Duration::from_millis(300), ..QueryLimits::default() };
    let shop = Shop::with_limits(limits);
    shop.append_orders(Lane::Batch, &[(Some(1), None, None), (Some(2), None, None)]).await;
    let watch = QueryWatch::default();
    let session = session(&shop, &watch);
    assert_eq!(ask(&shop, &session, "SELECT id FROM \"order\"").await.unwrap(), 2);
    assert!(watch.busy_since().is_none() && watch.idle_since().is_some());
    let error = ask(&shop, &session, "SELECT * FROM range(0, 3)").await.unwrap_err();
    assert!(matches!(error, QueryError::RowLimit { limit: 2 }), "{error}");
    let error = ask(&shop, &session, ENDLESS).await.unwrap_err();
    assert!(matches!(error, QueryError::TimeLimit { .. }), "{error}");
    watch.set_time(Some(Duration::from_millis(1)));
    let error = ask(&shop, &session, ENDLESS).await.unwrap_err();
    assert!(matches!(error, QueryError::TimeLimit { limit } if limit == Duration::from_millis(1)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn their_watch_ends_them() {
    let shop = Shop::open();
    let watch = QueryWatch::default();
    let session = session(&shop, &watch);
    let (outcome, ()) = tokio::join!(ask(&shop, &session, ENDLESS), async {
        while watch.busy_since().is_none() {
            tokio::task::yield_now().await;
        }
        watch.cancel();
    });
    assert!(matches!(outcome, Err(QueryError::Cancelled)), "{outcome:?}");
}

#[tokio::test]
async fn they_change_nothing() {
    let shop = Shop::open();
    shop.append_orders(Lane::Batch, &[(Some(1), None, None)]).await;
    let session = session(&shop, &QueryWatch::default());
    let outside = shop.folder.path().join("outside.csv");
    for sql in [
        "INSERT INTO \"order\" VALUES (2, 'x', 1.0)",
        "CREATE TABLE t AS SELECT 1 AS x",
        &format!("COPY (SELECT 1) TO '{}'", outside.display()),
    ] {
        assert!(ask(&shop, &session, sql).await.is_err(), "{sql}");
    }
    assert!(!outside.exists());
    assert_eq!(ask(&shop, &session, "SELECT * FROM \"order\"").await.unwrap(), 1);
}

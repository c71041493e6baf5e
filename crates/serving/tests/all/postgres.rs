//! PostgreSQL's protocol, with a real driver: who is let in, what is answered, what ends.

use std::path::Path;
use std::time::Duration;

use pinflow_access::{Access, AccessList};
use pinflow_query::QueryLimits;
use pinflow_serving::{OnQuestion, Postgres};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fixture::{ENDLESS, Shop, shop};

const LIST: &str = "
callers:
  - name: analyst
    passwords: ['p\"w']
    dashboard: true
  - name: loader
    passwords: [load]
    produce: ['*']
";

struct Server {
    options: PgConnectOptions,
    closing: CancellationToken,
    running: JoinHandle<()>,
    shop: Shop,
}

async fn serve(limits: QueryLimits, access: Access) -> Server {
    let shop = shop(limits).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let closing = CancellationToken::new();
    let server = Postgres::new(shop.engine.clone(), access, OnQuestion::default()).unwrap();
    let running = tokio::spawn(server.serve(listener, closing.clone()));
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port).ssl_mode(PgSslMode::Disable);
    Server { options: options.username("analyst").database("pinflow"), closing, running, shop }
}

async fn open(limits: QueryLimits) -> (Server, PgConnection) {
    let server = serve(limits, Access::open()).await;
    let connection = server.options.connect().await.unwrap();
    (server, connection)
}

/// The code and the message of an error.
fn refusal<T: std::fmt::Debug>(outcome: Result<T, sqlx::Error>) -> (String, String) {
    match outcome.unwrap_err() {
        sqlx::Error::Database(error) => (error.code().unwrap_or_default().into_owned(), error.message().to_owned()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_read_with_parameters_and_types() {
    let (_server, mut client) = open(QueryLimits::default()).await;
    let row = sqlx::query("SELECT id, place, price FROM batch.\"order\" WHERE id = $1").bind(1_i64);
    let row = row.fetch_one(&mut client).await.unwrap();
    assert_eq!(row.get::<i64, _>("id"), 1);
    assert_eq!(row.get::<Option<String>, _>("place").as_deref(), Some("Oslo"));
    assert_eq!(row.get::<Option<f64>, _>("price"), Some(0.5));
    // Names without a schema are of the batch lane; nulls come last, as in PostgreSQL.
    let rows = client.fetch_all("SELECT place FROM \"order\" ORDER BY place").await.unwrap();
    assert_eq!(rows.last().unwrap().get::<Option<String>, _>(0), None);
    assert_eq!(client.fetch_all("SELECT * FROM stream.\"order\"").await.unwrap().len(), 0);
    client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_statement_sees_the_rows_of_its_execution() {
    let (server, mut client) = open(QueryLimits::default()).await;
    let mut counts: Vec<i64> = Vec::new();
    for _ in 0..2 {
        // The same text: the driver prepares it once.
        let count =
            sqlx::query_scalar("SELECT count(*) FROM \"order\" AS a JOIN \"order\" AS b USING (id) WHERE a.id > $1");
        counts.push(count.bind(0_i64).fetch_one(&mut client).await.unwrap());
        server.shop.append().await;
    }
    assert_eq!(counts, [3, 12], "every id is there twice then");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_columns_are_listed() {
    let (_server, mut client) = open(QueryLimits::default()).await;
    let tables = "SELECT n.nspname AS s, c.relname AS t FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";
    let tables: Vec<(String, String)> = sqlx::query_as(tables).fetch_all(&mut client).await.unwrap();
    for (schema, table) in [("batch", "order"), ("stream", "order"), ("dead", "order")] {
        assert!(tables.contains(&(schema.to_owned(), table.to_owned())), "{schema}.{table} in {tables:?}");
    }
    assert!(!tables.iter().any(|(_, table)| table == "never_run"), "it cannot be read yet");
    let columns =
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'batch' ORDER BY ordinal_position";
    let columns: Vec<(String,)> = sqlx::query_as(columns).fetch_all(&mut client).await.unwrap();
    assert_eq!(columns.iter().map(|(name,)| name.as_str()).collect::<Vec<_>>(), ["id", "place", "price"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_list_decides_who_comes_in() {
    let list = AccessList::parse(LIST, Path::new("access.yaml")).unwrap();
    let server = serve(QueryLimits::default(), Access::listed(list)).await;
    let with = |user: &str, password: &str| server.options.clone().username(user).password(password);
    let mut client = with("analyst", "p\"w").connect().await.unwrap();
    client.execute("SELECT 1").await.unwrap();
    for (user, password, code) in
        [("analyst", "wrong", "28P01"), ("nobody", "p\"w", "28P01"), ("", "", "28P01"), ("loader", "load", "42501")]
    {
        assert_eq!(refusal(with(user, password).connect().await).0, code, "{user}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_no_reading_is_refused() {
    let (_server, mut client) = open(QueryLimits::default()).await;
    for sql in [
        "INSERT INTO \"order\" VALUES (4, 'x', 1.0)",
        "DELETE FROM \"order\"",
        "CREATE TABLE t AS SELECT 1 AS x",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/serving-never.csv'",
        "DROP TABLE \"order\"",
        "EXPLAIN DELETE FROM \"order\"",
        "DECLARE c CURSOR FOR SELECT 1",
        "FETCH NEXT FROM c",
    ] {
        // By the simple and by the extended protocol.
        for outcome in [client.execute(sql).await, sqlx::query(sql).execute(&mut client).await] {
            let (code, message) = refusal(outcome);
            assert!(["25006", "42601", "0A000"].contains(&code.as_str()), "{sql}: {code} {message}");
        }
    }
    assert_eq!(client.fetch_all("SELECT * FROM \"order\"").await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_drivers_say_beside_their_queries_is_taken() {
    let (_server, mut client) = open(QueryLimits::default()).await;
    for sql in [
        "SET extra_float_digits = 3",
        "SET client_encoding TO 'UTF8'",
        "SET TIME ZONE 'Europe/Vienna'",
        "SET datafusion.execution.batch_size = 1",
        "SET datafusion.runtime.memory_limit = '1K'",
        "BEGIN",
        "SHOW transaction_isolation",
        "SAVEPOINT one",
        "RELEASE SAVEPOINT one",
        "COMMIT",
        "CLOSE ALL",
        "DISCARD ALL",
        "SELECT version(), current_database(), current_schema()",
        "",
    ] {
        client.execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    assert_eq!(client.fetch_all("SELECT * FROM \"order\" ORDER BY id").await.unwrap().len(), 3, "memory is as before");
    let like =
        "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg/_%' ESCAPE '/' AND nspname = 'batch'";
    assert_eq!(client.fetch_all(like).await.unwrap().len(), 1);
    let version: String = client.fetch_one("SELECT pg_catalog.version()").await.unwrap().get(0);
    assert!(version.starts_with("PostgreSQL 16."), "{version}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_to_do() {
    let (_server, mut client) = open(QueryLimits::default()).await;
    for (sql, code, message) in [
        ("SELECT * FROM ordr", "42P01", "there is no table `ordr`"),
        ("SELECT pric FROM \"order\"", "42703", "there is no column `pric`"),
        ("SELECT * FROM result.never_run", "42P01", "table `result.never_run` does not exist yet"),
        ("SELEC 1", "42601", ""),
    ] {
        let error = client.execute(sql).await;
        let hint = match &error {
            Err(sqlx::Error::Database(error)) => {
                error.downcast_ref::<sqlx::postgres::PgDatabaseError>().hint().map(str::to_owned)
            }
            _ => None,
        };
        let (got, said) = refusal(error);
        assert_eq!(got, code, "{sql}: {said}");
        assert!(said.starts_with(message), "{sql}: {said}");
        assert!(code == "42601" || hint.is_some(), "{sql} has no hint");
        client.execute("SELECT 1").await.expect("the connection goes on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_ends_at_its_limits_and_the_connection_goes_on() {
    let limits = QueryLimits { rows: 10, time: Duration::from_millis(300), ..QueryLimits::default() };
    let (_server, mut client) = open(limits).await;
    assert_eq!(refusal(client.fetch_all("SELECT * FROM range(0, 11)").await).0, "54000");
    assert_eq!(refusal(client.fetch_all(ENDLESS).await).0, "57014");
    assert_eq!(refusal(sqlx::query(ENDLESS).fetch_all(&mut client).await).0, "57014");
    assert_eq!(client.fetch_all("SELECT * FROM range(0, 10)").await.unwrap().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn statement_timeout_is_kept() {
    let (_server, mut client) = open(QueryLimits::default()).await;
    client.execute("SET statement_timeout = '200ms'").await.unwrap();
    assert_eq!(refusal(client.fetch_all(ENDLESS).await).0, "57014");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_server_ends_connections_and_queries() {
    let (server, mut client) = open(QueryLimits::default()).await;
    let query = tokio::spawn(async move { client.fetch_all(ENDLESS).await.map(|rows| rows.len()) });
    tokio::task::yield_now().await;
    server.closing.cancel();
    assert!(query.await.unwrap().is_err());
    server.running.await.unwrap();
    assert!(server.options.connect().await.is_err());
}

//! Filling and reading SQLite databases: ours, and ones that were made by others.
#![allow(clippy::unwrap_used)]

mod fixture;

use std::path::Path;

use pinflow_source::{Address, Database, SourceError, SourceSpec};
use sqlx::{ConnectOptions, Connection};

const TWO_TABLES: &str = "rows: 1\ntables:\n  a: { stream: one, link: id }\n  b: { stream: two, link: ref }\n";

async fn database_with(folder: &Path, sql: &'static str) -> Database {
    let path = folder.join("own.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    Database::connect(&Address::sqlite(&path)).await.unwrap()
}

async fn events(database: &Database, spec: &SourceSpec) -> Vec<(String, String)> {
    let draw = database.draws(spec, 1).await.unwrap().next().await.unwrap();
    draw.events
        .iter()
        .map(|event| (event.stream.to_string(), String::from_utf8(event.json.to_vec()).unwrap()))
        .collect()
}

#[tokio::test]
async fn rows_come_back_as_they_were_made() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::sqlite(&folder.path().join("source with # and ?.db"));
    let database = Database::connect_or_create(&address).await.unwrap();
    fixture::loads_and_reads_the_same_rows(&database, 1_000).await;
}

#[tokio::test]
async fn a_database_that_is_missing_is_not_made_by_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing.db");
    let error = Database::connect(&Address::sqlite(&path)).await.unwrap_err();
    assert!(matches!(error, SourceError::NoSuchFile { .. }), "{error}");
    assert!(error.to_string().contains("pinflow source load"), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_load_that_fails_leaves_no_row_behind() {
    let folder = tempfile::tempdir().unwrap();
    // The last table has a column less than its spec, so filling it fails after the others are filled.
    let database = database_with(folder.path(), "CREATE TABLE user_data (ind BIGINT)").await;
    let spec = fixture::pinterest();
    let error = database.load(&spec, 7, 10, |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("cannot fill the table `user_data`"), "{error}");
    let error = database.draws(&spec, 1).await.unwrap_err();
    assert!(matches!(error, SourceError::Table { .. } | SourceError::NoRows { .. }), "{error}");
}

#[tokio::test]
async fn nothing_is_written_beside_rows_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let database = database_with(
        folder.path(),
        "CREATE TABLE user_data (ind BIGINT, first_name TEXT); INSERT INTO user_data VALUES (1, 'Ada')",
    )
    .await;
    let error = database.load(&fixture::pinterest(), 7, 10, |_| {}).await.unwrap_err();
    assert!(matches!(&error, SourceError::NotEmpty { table, .. } if table == "user_data"), "{error}");
    let error = database.draws(&fixture::pinterest(), 1).await.unwrap_err();
    assert!(error.to_string().contains("cannot read the table `pinterest_data`"), "{error}");
}

#[tokio::test]
async fn a_table_without_declared_columns_cannot_be_generated() {
    let folder = tempfile::tempdir().unwrap();
    let database = database_with(folder.path(), "CREATE TABLE other (x)").await;
    let error = database.load(&fixture::spec(TWO_TABLES), 7, 10, |_| {}).await.unwrap_err();
    assert!(matches!(error, SourceError::NoColumns { .. }), "{error}");
}

#[tokio::test]
async fn any_type_and_any_name_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let sql = r#"
        CREATE TABLE a (id INTEGER, "na""me" VARCHAR(10), price DECIMAL(10,2), seen DATETIME, day DATE, bytes BLOB,
                        flag BOOLEAN, ratio REAL, missing TEXT, inf REAL);
        INSERT INTO a VALUES (9007199254740993, 'a "b"' || char(10), 12.5, '2020-08-28 03:52:47', '2020-08-28',
                              x'00ff', 1, 1e300, NULL, 9e999);
        CREATE TABLE b (x TEXT, ref BIGINT);
        INSERT INTO b VALUES ('linked', 9007199254740993);
        CREATE TABLE unrelated (x);"#;
    let database = database_with(folder.path(), sql).await;
    let expected = concat!(
        r#"{"id":9007199254740993,"na\"me":"a \"b\"\n","price":12.5,"seen":"2020-08-28 03:52:47","day":"2020-08-28","#,
        r#""bytes":"AP8=","flag":1,"ratio":1e+300,"missing":null,"inf":null}"#
    );
    let events = events(&database, &fixture::spec(TWO_TABLES)).await;
    assert_eq!(events[0], ("one".to_owned(), expected.to_owned()));
    assert_eq!(events[1], ("two".to_owned(), r#"{"x":"linked","ref":9007199254740993}"#.to_owned()));
}

#[tokio::test]
async fn a_row_that_is_linked_nowhere_makes_a_smaller_draw() {
    let folder = tempfile::tempdir().unwrap();
    let sql = "CREATE TABLE a (id BIGINT); INSERT INTO a VALUES (NULL), (4); CREATE TABLE b (ref BIGINT); INSERT INTO b VALUES (5)";
    let database = database_with(folder.path(), sql).await;
    assert_eq!(events(&database, &fixture::spec(TWO_TABLES)).await, [("one".to_owned(), r#"{"id":4}"#.to_owned())]);
}

#[tokio::test]
async fn tables_that_cannot_be_drawn_from_are_refused() {
    for (sql, said) in [
        ("CREATE TABLE a (id BIGINT)", "has no row with a link"),
        ("CREATE TABLE a (id TEXT); INSERT INTO a VALUES ('one')", "holds `\"one\"`, which is no whole number"),
        ("CREATE TABLE a (other TEXT)", "cannot read the table `a`"),
        ("CREATE TABLE z (id BIGINT)", "cannot read the table `a`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let database = database_with(folder.path(), sql).await;
        let error = database.draws(&fixture::spec(TWO_TABLES), 1).await.unwrap_err();
        assert!(error.to_string().contains(said), "{sql}: {error}");
    }
}

#[tokio::test]
async fn the_built_in_source_is_filled_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::connect_or_create(&Address::sqlite(&folder.path().join("source.db"))).await.unwrap();
    let spec = fixture::pinterest();
    // Spawned, as the node does: the future must be one that can move between threads.
    let (filled, filling) = (database.clone(), spec.clone());
    tokio::spawn(async move { filled.load(&filling, 7, filling.rows, |_| {}).await }).await.unwrap().unwrap();
    assert_eq!(database.draws(&spec, 3).await.unwrap().next().await.unwrap().events.len(), 3);
}

//! The source on a real Postgres: `PINFLOW_TEST_POSTGRES_URL` names an empty database.
#![allow(clippy::unwrap_used)]

mod fixture;

use pinflow_source::{Address, Database};
use sqlx::{Connection, PgConnection};

#[expect(clippy::disallowed_methods, reason = "a test is told by the environment where its server is")]
fn url() -> String {
    std::env::var("PINFLOW_TEST_POSTGRES_URL").expect("PINFLOW_TEST_POSTGRES_URL names an empty database")
}

async fn run(sql: &'static str) {
    let mut connection = PgConnection::connect(&url()).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
#[ignore = "needs a real server: ./test starts one"]
async fn rows_come_back_as_they_were_made() {
    run("DROP TABLE IF EXISTS pinterest_data, geolocation_data, user_data").await;
    let database = Database::connect(&Address::from_url(&url()).unwrap()).await.unwrap();
    fixture::loads_and_reads_the_same_rows(&database, 1_000).await;
}

#[tokio::test]
#[ignore = "needs a real server: ./test starts one"]
async fn a_wrong_password_is_said_and_not_shown() {
    let (rest, server) =
        url().rsplit_once('@').map(|(_, server)| ("postgres://pinflow:s3cret@", server.to_owned())).unwrap();
    let error = Database::connect(&Address::from_url(&format!("{rest}{server}")).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("password authentication failed"), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
#[ignore = "needs a real server: ./test starts one"]
async fn every_type_is_read() {
    run("DROP TABLE IF EXISTS every_type; DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('sad', 'glad'); \
         CREATE TABLE every_type (id INTEGER, small SMALLINT, flag BOOLEAN, price NUMERIC(10,2), ratio DOUBLE PRECISION, \
           rough REAL, none DOUBLE PRECISION, seen TIMESTAMP, stamp TIMESTAMPTZ, day DATE, short VARCHAR(20), fixed CHAR(3), \
           bytes BYTEA, key UUID, doc JSONB, state mood, words TEXT[], missing TEXT); \
         INSERT INTO every_type VALUES (7, 3, TRUE, 12.50, 1e300, 1.5, 'NaN', '2020-08-28 03:52:47', '2020-08-28 03:52:47+00', \
           '2020-08-28', 'é 🎉 ''\"', 'abc', '\\x00ff', '75a1ba34-4dde-4b8a-a85d-303175e7ab87', '{\"a\": 1}', 'glad', \
           ARRAY['x', 'y'], NULL)")
    .await;
    let spec = fixture::spec("rows: 1\ntables:\n  every_type: { stream: s, link: id }\n");
    let database = Database::connect(&Address::from_url(&url()).unwrap()).await.unwrap();
    let draw = database.draws(&spec, 1).await.unwrap().next().await.unwrap();
    let expected = concat!(
        r#"{"id":7,"small":3,"flag":true,"price":"12.50","ratio":1e+300,"rough":1.5,"none":null,"seen":"2020-08-28 03:52:47","#,
        r#""stamp":"2020-08-28 03:52:47+00","day":"2020-08-28","short":"é 🎉 '\"","fixed":"abc","bytes":"AP8=","#,
        r#""key":"75a1ba34-4dde-4b8a-a85d-303175e7ab87","doc":"{\"a\": 1}","state":"glad","words":"{x,y}","missing":null}"#
    );
    assert_eq!(std::str::from_utf8(&draw.events[0].json).unwrap(), expected);
}

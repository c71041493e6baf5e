//! The source on a real MariaDB (or MySQL): `PINFLOW_TEST_MYSQL_URL` names an empty database.
#![allow(clippy::unwrap_used)]

mod fixture;

use pinflow_source::{Address, Database};
use sqlx::{Connection, MySqlConnection};

#[expect(clippy::disallowed_methods, reason = "a test is told by the environment where its server is")]
fn url() -> String {
    std::env::var("PINFLOW_TEST_MYSQL_URL").expect("PINFLOW_TEST_MYSQL_URL names an empty database")
}

async fn run(sql: &'static str) {
    let mut connection = MySqlConnection::connect(&url()).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
#[ignore = "needs a real server: ./test starts one"]
async fn rows_come_back_as_they_were_made() {
    run("DROP TABLE IF EXISTS pinterest_data, geolocation_data, user_data").await;
    let address = Address::from_url(&url().replacen("mysql", "mariadb", 1)).unwrap();
    let database = Database::connect(&address).await.unwrap();
    fixture::loads_and_reads_the_same_rows(&database, 1_000).await;
}

#[tokio::test]
#[ignore = "needs a real server: ./test starts one"]
async fn a_credentials_file_leads_to_the_same_database() {
    let url = url::Url::parse(&url()).unwrap();
    // The password as ./tests/peers/mariadb.sh sets it, which its URL percent-encodes.
    let password = url.password().unwrap().replace("%40", "@").replace("%3A", ":").replace("%2F", "/");
    let password = password.replace("%23", "#").replace("%25", "%");
    let creds = |password: &str| {
        let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
        format!("HOST: {host}\nUSER: {}\nPASSWORD: '{password}'\nDATABASE: source\nPORT: {port}\n", url.username())
    };
    Database::connect(&Address::from_db_creds_yaml(&creds(&password)).unwrap()).await.unwrap();
    let wrong = Address::from_db_creds_yaml(&creds("s3cret")).unwrap();
    let error = Database::connect(&wrong).await.unwrap_err();
    assert!(error.to_string().contains("Access denied"), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
#[ignore = "needs a real server: ./test starts one"]
async fn a_server_that_is_not_there_is_said_at_once() {
    let error = Database::connect(&Address::from_url("mysql://u:p@127.0.0.1:1/d").unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("cannot connect to mysql://u@127.0.0.1:1/d"), "{error}");
}

#[tokio::test]
#[ignore = "needs a real server: ./test starts one"]
async fn every_type_is_read() {
    run("DROP TABLE IF EXISTS every_type; \
         CREATE TABLE every_type (id INT UNSIGNED, tiny TINYINT, flag BOOLEAN, small SMALLINT, huge BIGINT UNSIGNED, \
           filled INT(5) ZEROFILL, price DECIMAL(10,2), ratio DOUBLE, rough FLOAT, seen DATETIME, exact DATETIME(6), \
           stamp TIMESTAMP NULL, day DATE, hour TIME, year YEAR, short VARCHAR(20), long_text LONGTEXT, bytes BLOB, \
           fixed BINARY(2), choice ENUM('a', 'b'), doc JSON, exact_text TEXT COLLATE utf8mb4_bin, missing TEXT) CHARACTER SET utf8mb4; \
         INSERT INTO every_type VALUES (7, -1, TRUE, 3, 18446744073709551615, 5, 12.50, 1e300, 1.5, '2020-08-28 03:52:47', \
           '2020-08-28 03:52:47.123456', '2020-08-28 03:52:47', '2020-08-28', '-30:00:00', 2020, 'é 🎉 \\'\"', 'x', X'00ff', \
           X'0102', 'b', '{\"a\": 1}', 'Ä', NULL)")
    .await;
    let spec = fixture::spec("rows: 1\ntables:\n  every_type: { stream: s, link: id }\n");
    let database = Database::connect(&Address::from_url(&url()).unwrap()).await.unwrap();
    let draw = database.draws(&spec, 1).await.unwrap().next().await.unwrap();
    let expected = concat!(
        r#"{"id":7,"tiny":-1,"flag":1,"small":3,"huge":18446744073709551615,"filled":5,"price":"12.50","ratio":1e+300,"#,
        r#""rough":1.5,"seen":"2020-08-28 03:52:47","exact":"2020-08-28 03:52:47.123456","stamp":"2020-08-28 03:52:47","#,
        r#""day":"2020-08-28","hour":"-30:00:00","year":2020,"short":"é 🎉 '\"","long_text":"x","bytes":"AP8=","#,
        r#""fixed":"AQI=","choice":"b","doc":"{\"a\": 1}","exact_text":"Ä","missing":null}"#
    );
    assert_eq!(std::str::from_utf8(&draw.events[0].json).unwrap(), expected);
    assert_eq!(&*draw.events[0].link, "7");
}

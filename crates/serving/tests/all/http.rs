//! SQL over HTTP: forms, refusals, limits.

use std::io::Cursor;
use std::time::Duration;

use arrow::ipc::reader::StreamReader;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use pinflow_query::QueryLimits;
use pinflow_serving::{OnQuestion, SqlOverHttp};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::fixture::{ENDLESS, Shop, shop};

const ROWS: &str = "SELECT id, place, price FROM `order` ORDER BY id";

async fn send(shop: &Shop, request: Request<Body>) -> (StatusCode, String, Option<Bytes>) {
    let sql = SqlOverHttp::new(shop.engine.clone(), OnQuestion::default(), CancellationToken::new());
    let reply = sql.router().oneshot(request).await.unwrap();
    let content_type = reply.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
    let status = reply.status();
    let body = reply.into_body().collect().await.ok().map(|body| body.to_bytes());
    (status, content_type.unwrap_or_default(), body)
}

async fn ask(shop: &Shop, accept: &str, sql: &str) -> (StatusCode, String, Option<Bytes>) {
    let request = Request::post("/api/sql").header(header::ACCEPT, accept).body(sql.to_owned().into()).unwrap();
    send(shop, request).await
}

#[tokio::test]
async fn an_answer_has_the_form_that_is_accepted() {
    let shop = shop(QueryLimits::default()).await;
    let rows = json!([
        {"id": 1, "place": "Oslo", "price": 0.5},
        {"id": 2, "place": null, "price": 2.0},
        {"id": 3, "place": "say \"hi\"", "price": null},
    ]);
    let (status, kind, body) = ask(&shop, "*/*", ROWS).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/json"));
    assert_eq!(serde_json::from_slice::<Value>(&body.unwrap()).unwrap(), rows);

    let (_, kind, body) = ask(&shop, "application/x-ndjson", ROWS).await;
    assert_eq!(kind, "application/x-ndjson");
    let body = String::from_utf8(body.unwrap().into()).unwrap();
    let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::Array(lines), rows);

    let (_, kind, body) = ask(&shop, "text/csv", ROWS).await;
    assert_eq!(kind, "text/csv; charset=utf-8; header=present");
    assert_eq!(body.unwrap(), "id,place,price\n1,Oslo,0.5\n2,,2.0\n3,\"say \"\"hi\"\"\",\n");

    let (_, kind, body) = ask(&shop, "application/vnd.apache.arrow.stream", ROWS).await;
    assert_eq!(kind, "application/vnd.apache.arrow.stream");
    let batches: Vec<_> =
        StreamReader::try_new(Cursor::new(body.unwrap()), None).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 3);

    let twice = "SELECT a.id, b.id FROM `order` AS a JOIN `order` AS b ON a.id = b.id ORDER BY a.id LIMIT 1";
    let (_, _, body) = ask(&shop, "application/vnd.pinflow.rows+ndjson", twice).await;
    let lines = "[{\"name\":\"id\",\"type\":\"bigint\"},{\"name\":\"id\",\"type\":\"bigint\"}]\n[1,1]\n";
    assert_eq!(body.unwrap(), lines);
}

#[tokio::test]
async fn an_answer_without_rows_is_whole_too() {
    let shop = shop(QueryLimits::default()).await;
    let nothing = "SELECT id FROM `order` WHERE false";
    for (accept, body) in [("application/json", "[]\n"), ("application/x-ndjson", ""), ("text/csv", "id\n")] {
        assert_eq!(ask(&shop, accept, nothing).await.2.unwrap(), body, "{accept}");
    }
    let body = ask(&shop, "application/vnd.apache.arrow.stream", nothing).await.2.unwrap();
    let reader = StreamReader::try_new(Cursor::new(body), None).unwrap();
    assert_eq!(reader.schema().field(0).name(), "id");
    assert_eq!(reader.count(), 0);
}

#[tokio::test]
async fn a_question_is_an_address_a_text_or_json() {
    let shop = shop(QueryLimits::default()).await;
    let json = Request::post("/api/sql?lane=batch").header(header::CONTENT_TYPE, "application/json");
    let json = json.body(
        json!({"sql": "SELECT count(*) AS n FROM `order`", "lane": "stream", "format": "csv"}).to_string().into(),
    );
    let text =
        Request::post("/api/sql?format=csv&committed=true").header(header::CONTENT_TYPE, "text/plain; charset=utf-8");
    let text = text.body("SELECT count(*) AS n FROM stream.`order`".into());
    let address = Request::get("/api/sql?format=csv&lane=stream&sql=SELECT%20count(*)%20AS%20n%20FROM%20%60order%60");
    for request in [json, text, address.body(Body::empty())] {
        assert_eq!(send(&shop, request.unwrap()).await.2.unwrap(), "n\n0\n", "the body's lane counts");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_with_a_hint() {
    let shop = shop(QueryLimits { rows: 10, time: Duration::from_millis(200), ..QueryLimits::default() }).await;
    for (sql, error, hint) in [
        ("SELECT * FROM ordr", "there is no table `ordr`", "did you mean `order`?"),
        ("SELECT pric FROM `order`", "there is no column `pric`", "did you mean `price`?"),
        (
            "DROP TABLE `order`",
            "`DROP TABLE` is refused: queries only read",
            "write a `SELECT`, `EXPLAIN`, `SHOW TABLES` or `DESCRIBE`",
        ),
        ("SELECT * FROM range(0, 11)", "the answer has more than 10 rows", "add a `LIMIT`, or raise the row limit"),
    ] {
        let (status, _, body) = ask(&shop, "*/*", sql).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{sql}");
        assert_eq!(
            serde_json::from_slice::<Value>(&body.unwrap()).unwrap(),
            json!({"error": error, "hint": hint}),
            "{sql}"
        );
    }
    assert_eq!(ask(&shop, "*/*", ENDLESS).await.0, StatusCode::BAD_REQUEST);
    for (request, status) in [
        (Request::post("/api/sql").header("content-type", "image/png").body("SELECT 1".into()), 415),
        (Request::post("/api/sql").header("content-type", "application/json").body("{".into()), 400),
        (Request::post("/api/sql").header("content-type", "application/json").body(r#"{"sq":"SELECT 1"}"#.into()), 400),
        (Request::post("/api/sql").header("content-type", "application/json").body(r#"{"sql":1}"#.into()), 400),
        (Request::post("/api/sql").body(Body::from(vec![0xff])), 400),
        (Request::post("/api/sql").body(Body::empty()), 400),
        (Request::post("/api/sql").body(Body::from(vec![b' '; 3 << 20])), 413),
        (Request::get("/api/sql").body(Body::empty()), 400),
        (Request::get("/api/sql?sql=SELECT%201&lane=fast").body(Body::empty()), 400),
        (Request::get("/api/sql?sql=SELECT%201").header("accept", "image/png").body(Body::empty()), 406),
        (Request::delete("/api/sql").body(Body::empty()), 405),
    ] {
        let request = request.unwrap();
        let asked = format!("{} {}", request.method(), request.uri());
        let (got, _, body) = send(&shop, request).await;
        assert_eq!(got, status, "{asked}");
        let body: Value = serde_json::from_slice(&body.unwrap()).unwrap();
        assert!(body["error"].is_string(), "{asked}: {body}");
    }
}

#[tokio::test]
async fn an_answer_past_the_limit_breaks_off_and_is_never_cut() {
    let shop = shop(QueryLimits { rows: 50_000, ..QueryLimits::default() }).await;
    let (status, _, body) = ask(&shop, "text/csv", "SELECT value FROM range(0, 50001)").await;
    // The first rows were on their way already.
    assert_eq!(status, StatusCode::OK);
    assert!(body.is_none(), "a client would take the part for the whole");
    assert!(ask(&shop, "text/csv", "SELECT value FROM range(0, 50000)").await.2.is_some());
}

//! Every route, and what each says to a request that is wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::fake::{FakeNode, NASTY, ask, ask_node, dashboard, get, post, respond};

#[tokio::test]
async fn reading_routes_answer_json() {
    for path in ["overview", "health", "balance", "runs", "runs?limit=1", "answers", "dead/click", "dead/click?limit=2"]
    {
        let reply = ask(get(&format!("/api/{path}"))).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.body);
        assert_eq!(reply.header("content-type"), "application/json", "{path}");
        reply.json();
    }
}

#[tokio::test]
async fn texts_arrive_as_they_are() {
    let reply = ask(get("/api/answers")).await.json();
    assert_eq!(reply[0]["title"], json!(NASTY));
    assert_eq!(reply[0]["rows"], json!([[NASTY, null]]));
    assert_eq!(reply[0]["columns"][0], json!({ "name": "a", "type": "string" }));
    assert_eq!(reply[0]["chart"], json!({ "kind": "bar", "x": "a", "y": "b", "group": null }));
    assert_eq!(ask(get("/api/overview")).await.json()["pipeline"], json!(NASTY));
}

#[tokio::test]
async fn the_lists_obey_their_limit() {
    assert_eq!(ask(get("/api/dead/click?limit=2")).await.json().as_array().unwrap().len(), 2);
    for limit in ["0", "1001", "-1", "x", ""] {
        let reply = ask(get(&format!("/api/runs?limit={limit}"))).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{limit}");
        assert!(reply.json()["error"].is_string(), "{limit}");
    }
}

#[tokio::test]
async fn health_tells_a_supervisor_by_its_status() {
    let node = Arc::new(FakeNode::default());
    let well = ask_node(&node, get("/api/health")).await;
    assert_eq!((well.status, well.json()), (StatusCode::OK, json!({ "state": "ok", "reasons": [] })));
    node.degraded.store(true, Ordering::SeqCst);
    let ill = ask_node(&node, get("/api/health")).await;
    let expected = json!({ "state": "degraded", "reasons": ["the log is poisoned"] });
    assert_eq!((ill.status, ill.json()), (StatusCode::SERVICE_UNAVAILABLE, expected));
}

#[tokio::test]
async fn a_snapshot_is_there_once_the_dashboard_runs() {
    let (node, shutdown) = (Arc::default(), CancellationToken::new());
    let early = ask_node(&node, get("/api/snapshot")).await;
    assert_eq!((early.status, early.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));

    let dashboard = dashboard(&node, &shutdown);
    let running = tokio::spawn({
        let dashboard = dashboard.clone();
        async move { dashboard.run().await }
    });
    while respond(&dashboard, get("/api/snapshot")).await.status() != StatusCode::OK {
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_job_is_started_once_for_each_request() {
    let node = Arc::new(FakeNode::default());
    let reply = ask_node(&node, post("/api/jobs/daily/runs", "")).await;
    assert_eq!((reply.status, reply.json()), (StatusCode::ACCEPTED, json!({ "run_id": "run-1" })));
    let run = ask_node(&node, get("/api/runs/run-1")).await.json();
    assert_eq!((&run["state"], &run["tasks"][0]["state"]), (&json!("running"), &json!("running")));
    assert_eq!(node.runs_started.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn errors_of_the_node_get_a_fitting_status() {
    let cases = [
        (post("/api/jobs/nightly/runs", ""), StatusCode::NOT_FOUND),
        (post("/api/jobs/busy/runs", ""), StatusCode::CONFLICT),
        (post("/api/jobs/late/runs", ""), StatusCode::SERVICE_UNAVAILABLE),
        (get("/api/dead/unknown"), StatusCode::NOT_FOUND),
        (get("/api/dead/unknown/stream/0/1"), StatusCode::NOT_FOUND),
        (post("/api/dead/unknown/retry", "{}"), StatusCode::NOT_FOUND),
        (get("/api/runs/unknown"), StatusCode::NOT_FOUND),
    ];
    for (request, status) in cases {
        let path = request.uri().clone();
        let reply = ask(request).await;
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.json()["error"].is_string(), "{path}: {}", reply.body);
    }
    let reply = ask(get("/api/runs/9")).await;
    assert_eq!(reply.json(), json!({ "error": "there is no run `9`", "hint": "see `/api/runs`" }));
}

#[tokio::test]
async fn dead_letters_are_chosen_cleaned_again_and_given_up() {
    let list =
        ask(get("/api/dead/click?lane=stream&partition=0&from=7&to=9&since_ms=1&reason=no%20JSON&limit=1")).await;
    assert_eq!((list.status, &list.json()[0]["offset"]), (StatusCode::OK, &json!(7)), "{}", list.body);
    assert_eq!(ask(get("/api/dead/click/stream/0/5")).await.json()["offset"], json!(5));
    let retried = ask(post("/api/dead/click/retry", r#"{"letters":{"from":2,"to":10,"lane":"batch"}}"#)).await;
    let outcome = json!({ "rows": 8, "duplicates": 0, "filtered": 0, "dropped": 0, "dead": 0 });
    assert_eq!((retried.status, retried.json()), (StatusCode::OK, outcome));
    assert_eq!(ask(post("/api/dead/click/retry", "{}")).await.status, StatusCode::OK);
    let dropped = ask(post("/api/dead/click/drop", r#"{"letters":{},"note":"a test"}"#)).await;
    assert_eq!(dropped.json()["dropped"], json!(6));
    for body in [
        r#"{"note":"x"}"#,
        r#"{"letters":{}}"#,
        r#"{"letters":{},"note":" "}"#,
        r#"{"letters":{"offset":1},"note":"x"}"#,
    ] {
        assert_eq!(ask(post("/api/dead/click/drop", body)).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    for path in ["click?lane=x", "click?partition=-1", "click?since=1", "click/x/0/1", "click/batch/0/x"] {
        assert_eq!(ask(get(&format!("/api/dead/{path}"))).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn a_query_answers_json_or_csv() {
    let reply = ask(post("/api/query", r#"{"sql":"SELECT 1"}"#)).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json()["rows"][0], json!(["batch", 1000]));
    assert_eq!(reply.json()["truncated"], json!(false));

    let request = r#"{"sql":"SELECT 1","lane":"stream","limit":2,"format":"csv"}"#;
    let reply = ask(post("/api/query", request)).await;
    assert_eq!(reply.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(reply.header("pinflow-truncated"), "true");
    assert_eq!(reply.body, "a,b\r\nstream,2\r\n\"a,\"\"b\"\"\",\r\n");
}

#[tokio::test]
async fn a_query_that_is_wrong_is_a_bad_request() {
    let reply = ask(post("/api/query", r#"{"sql":"broken"}"#)).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.json(), json!({ "error": "`broken` is no statement", "hint": "begin with SELECT" }));

    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"sql":1}"#,
        r#"{"sql":"x","lane":"both"}"#,
        r#"{"sql":"x","limit":0}"#,
        r#"{"sql":"x","limit":100001}"#,
        r#"{"sql":"x","format":"xml"}"#,
        r#"{"sql":"x","colour":"red"}"#,
    ] {
        let reply = ask(post("/api/query", body)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}: {}", reply.body);
        assert!(reply.json()["error"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn a_body_of_another_type_or_too_large_is_refused() {
    // A form is what a page elsewhere can send without asking first.
    let form = Request::post("/api/query").header("host", "localhost").header("content-type", "text/plain");
    let reply = ask(form.body(Body::from(r#"{"sql":"x"}"#)).unwrap()).await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(reply.json()["error"].is_string());

    let large = format!(r#"{{"sql":"{}"}}"#, "x".repeat(3_000_000));
    let reply = ask(post("/api/query", &large)).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(reply.json()["error"].is_string());
}

#[tokio::test]
async fn reconcile_compares_one_stream_or_all() {
    let all = ask(post("/api/reconcile", "{}")).await.json();
    assert_eq!((&all["equal"], all["streams"].as_array().unwrap().len()), (&json!(false), 2));
    let one = ask(post("/api/reconcile", r#"{"stream":"click"}"#)).await.json();
    assert_eq!((&one["equal"], &one["streams"][0]["stream"]), (&json!(true), &json!("click")));
}

#[tokio::test]
async fn what_is_not_there_says_so_in_json() {
    let cases = [
        (get("/api/nothing"), StatusCode::NOT_FOUND),
        (get("/api/runs/a/b/c"), StatusCode::NOT_FOUND),
        (post("/api/overview", ""), StatusCode::METHOD_NOT_ALLOWED),
        (get("/api/query"), StatusCode::METHOD_NOT_ALLOWED),
        (get("/api/runs/%ff"), StatusCode::BAD_REQUEST),
    ];
    for (request, status) in cases {
        let path = request.uri().clone();
        let reply = ask(request).await;
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.json()["error"].is_string(), "{path}: {}", reply.body);
    }
}

#[tokio::test]
async fn the_router_merges_with_one_that_has_a_fallback() {
    let other = axum::Router::new().fallback(async || "other");
    let merged = dashboard(&Arc::default(), &CancellationToken::new()).router().merge(other);
    let response = tower::ServiceExt::oneshot(merged, get("/streams/x/record")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

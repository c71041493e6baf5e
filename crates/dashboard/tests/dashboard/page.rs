//! The page's files: all there, typed, cached rightly, and unable to do what a page of ours never does.

use std::fs;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use pinflow_dashboard::prefers_html;

use crate::fake::{ask, get};

/// Every file of the page: its path below `/dashboard/` and its text.
fn files() -> Vec<(String, String)> {
    fn walk(folder: &Path, root: &Path, files: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
    let mut files = Vec::new();
    walk(&root, &root, &mut files);
    assert!(files.len() >= 10, "{files:?}");
    files
}

#[tokio::test]
async fn every_file_is_served_with_its_type_and_a_policy() {
    for (name, text) in files() {
        let reply = ask(get(&format!("/dashboard/{name}"))).await;
        assert_eq!((reply.status, reply.body), (StatusCode::OK, text), "{name}");
        let expected = match name.rsplit_once('.').unwrap().1 {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("`{name}`: which type has `.{other}`?"),
        };
        let header = |header| reply.headers.get(header).map_or("", |value| value.to_str().unwrap());
        assert_eq!(header("content-type"), expected, "{name}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{name}");
        assert_eq!(header("cache-control"), "no-cache", "{name}");
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    }
}

#[tokio::test]
async fn the_page_is_at_dashboard_with_and_without_a_slash() {
    for path in ["/dashboard", "/dashboard/"] {
        let reply = ask(get(path)).await;
        assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
        assert!(reply.body.starts_with("<!doctype html>"));
    }
    for path in
        ["/dashboard/nothing.js", "/dashboard/../Cargo.toml", "/dashboard/%2e%2e/Cargo.toml", "/dashboard/chart"]
    {
        assert_eq!(ask(get(path)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let first = ask(get("/dashboard/style.css")).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{tag}");
    let other = ask(get("/dashboard/main.js")).await;
    assert_ne!(tag, other.header("etag"));

    for (known, status) in [
        (tag.clone(), StatusCode::NOT_MODIFIED),
        (format!("\"x\", W/{tag}"), StatusCode::NOT_MODIFIED),
        ("*".to_owned(), StatusCode::NOT_MODIFIED),
        ("\"x\"".to_owned(), StatusCode::OK),
    ] {
        let request = Request::get("/dashboard/style.css").header("if-none-match", &known);
        let reply = ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!((reply.status, reply.header("etag")), (status, tag.as_str()), "{known}");
        assert_eq!(reply.body.is_empty(), status == StatusCode::NOT_MODIFIED);
    }
}

#[tokio::test]
async fn every_file_that_the_page_names_is_there() {
    for (name, text) in files() {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let imports = text.split("from \"").skip(1).map(|rest| rest.split('"').next().unwrap());
        let links = text.split("=\"/dashboard/").skip(1).map(|rest| rest.split('"').next().unwrap());
        let imports = imports.map(|path| match path.strip_prefix("../") {
            Some(path) => path.to_owned(),
            None => format!("{folder}/{}", path.trim_start_matches("./")),
        });
        for path in imports.chain(links.map(str::to_owned)) {
            let path = format!("/dashboard/{}", path.trim_start_matches('/'));
            assert_eq!(ask(get(&path)).await.status, StatusCode::OK, "`{name}` names {path}");
        }
    }
}

#[test]
fn no_file_turns_data_into_markup_or_asks_another_host() {
    let forbidden = [
        ".innerHTML",
        ".outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
        "createContextualFragment",
        "setAttribute(\"style\"",
        "javascript:",
        "//cdn",
        "@import",
        "url(",
    ];
    for (name, text) in files() {
        for word in forbidden {
            assert!(!text.contains(word), "`{name}` has `{word}`");
        }
        let addresses = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!addresses.contains("http://") && !addresses.contains("https://"), "`{name}` names another host");
    }
}

#[test]
fn the_page_has_no_inline_script_or_style() {
    let (_, html) = files().into_iter().find(|(name, _)| name == "index.html").unwrap();
    assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains(" onclick="));
    for script in html.split("<script").skip(1) {
        assert!(script.contains("src=") && script.contains("></script>"), "{script}");
    }
}

#[test]
fn browsers_prefer_the_page_and_programs_do_not() {
    let accept = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("accept", value.parse().unwrap());
        headers
    };
    assert!(prefers_html(&accept("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")));
    assert!(!prefers_html(&accept("*/*")));
    assert!(!prefers_html(&accept("application/json")));
    assert!(!prefers_html(&HeaderMap::new()));
}

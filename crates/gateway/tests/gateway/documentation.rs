//! The `curl` lines of the pages about Kafka REST work as they stand there, one after the other.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Request;
use pinflow_gateway::GatewaySettings;

use crate::harness::Harness;

#[tokio::test]
async fn the_curl_lines_of_version_2_work() {
    let replies = play(include_str!("../../../../docs/kafka-rest.md")).await;
    assert!(replies.len() > 10, "{replies:?}");
    let read = replies.iter().find(|reply| reply.contains(r#""topic":"demo.pin","key":"user-1""#));
    assert!(read.is_some(), "{replies:?}");
}

#[tokio::test]
async fn the_curl_lines_of_version_3_work() {
    let replies = play(include_str!("../../../../docs/kafka-rest-v3.md")).await;
    assert!(replies.len() > 30, "{replies:?}");
    let refused = replies.iter().filter(|reply| reply.starts_with(r#"{"error_code":"#));
    assert!(refused.into_iter().all(|reply| reply.starts_with(r#"{"error_code":200,"#)), "{replies:?}");
}

/// Sends what the page's `curl` lines send; all must succeed.
async fn play(page: &str) -> Vec<String> {
    let harness = Harness::new(GatewaySettings::default());
    let mut variables = BTreeMap::new();
    let mut replies = Vec::new();
    for line in shell_lines(page) {
        if let Some(arguments) = line.strip_prefix("curl ") {
            let reply = harness.send(request(&words(arguments, &variables))).await;
            assert!(reply.status.is_success(), "{line}: {} {}", reply.status, reply.body);
            replies.push(reply.body);
        } else {
            let (name, value) = line.split_once('=').expect("a line is a curl or sets a variable");
            let value = words(value, &variables).remove(0);
            variables.insert(name.to_owned(), value);
        }
    }
    replies
}

/// The lines of the page's `sh` blocks, with those that end in a backslash joined.
fn shell_lines(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let joined: String = blocks.collect::<String>().replace("\\\n", " ");
    joined.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A shell's words: quotes, `$name`, comments. As much of it as the page uses.
fn words(line: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut rest = line.chars().peekable();
    while let Some(letter) = rest.next() {
        match (letter, quote) {
            ('#', None) if words.last().unwrap().is_empty() => break,
            ('\'' | '"', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            (' ', None) => words.push(String::new()),
            ('$', None | Some('"')) => {
                let mut name = String::new();
                while let Some(letter) = rest.next_if(|letter| letter.is_ascii_alphanumeric()) {
                    name.push(letter);
                }
                words.last_mut().unwrap().push_str(&variables[&name]);
            }
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What `curl` would send with these arguments.
fn request(arguments: &[String]) -> Request<Body> {
    let mut request = Request::builder();
    let mut method = "GET";
    let mut body = Body::empty();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-X" => method = arguments.next().unwrap(),
            "-H" => {
                let (name, value) = arguments.next().unwrap().split_once(": ").unwrap();
                request = request.header(name, value);
            }
            "-d" => body = Body::from(arguments.next().unwrap().clone()),
            url => request = request.uri(url),
        }
    }
    request.method(method).body(body).unwrap()
}

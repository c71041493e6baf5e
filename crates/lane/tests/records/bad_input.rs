//! Bad input through the stream lane: a dead letter with its bytes, or null where the policy asks for it; the lane goes on.

use crate::world::{World, counts, mended, stream};

/// A record, and a part of the reason for which it is a dead letter; `None` for those that are rows.
fn cases() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let large = format!(r#"{{"id":100,"note":"{}"}}"#, "x".repeat(10 << 20));
    vec![
        (text(r#"{"id":1,"#), Some("not JSON")),
        (text(r#"{"id":1} {"id":2}"#), Some("not JSON")),
        (text(""), Some("not JSON")),
        (large.clone().into_bytes(), None),
        (large.as_bytes()[..large.len() - 1].to_vec(), Some("not JSON")),
        (text(r#"{"id":"1"}"#), Some("field `id` is a string, not a bigint")),
        (text(r#"{"id":true}"#), Some("field `id` is a boolean, not a bigint")),
        (text(r#"{"id":2,"note":7}"#), None),
        (text(r#"{"id":9223372036854775808}"#), Some("not a whole one of 64 bits")),
        (text(r#"{"id":1.5}"#), Some("not a whole one of 64 bits")),
        (text(r#"{"id":1e400}"#), Some("field `id` is a number that is not a whole one of 64 bits")),
        (text(r#"{"id":3,"note":"\ud800"}"#), Some("field `note` is a string with half of a surrogate pair")),
        (text(r#"{"id":11,"other":1e400,"more":"\ud800"}"#), None),
        (b"{\"id\":3,\"note\":\"\xff\xfe\"}".to_vec(), Some("not JSON")),
        (b"{\"id\":3,\"note\":\"a\0b\"}".to_vec(), Some("not JSON")),
        (vec![0; 100], Some("not JSON")),
        (text(r#"{"id":4,"note":"a\u0000b"}"#), None),
        (text(r#"{"note":"no key"}"#), Some("the key `id` is missing or null")),
        (text(r#"{"id":null}"#), Some("the key `id` is missing or null")),
        (text(r#"{"id":{"id":5}}"#), Some("field `id` is an object, not a bigint")),
        (text(r#"[{"id":5}]"#), Some("not a JSON object")),
        (text(r#"{"id":6,"note":{"text":"nested"}}"#), Some("field `note` is an object, not a string")),
        ("[".repeat(1 << 20).into_bytes(), Some("not JSON")),
        ([text(r#"{"id":7,"deep":"#), "[".repeat(1 << 20).into_bytes()].concat(), Some("not JSON")),
        (text(r#"{"id":8,"id":9}"#), None),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_are_letters_and_their_neighbours_are_rows() {
    let world = World::new(1).await;
    let cases = cases();
    world.append(0, cases.iter().map(|(record, _)| record.clone())).await;
    world.append(0, [r#"{"id":10}"#]).await;
    let bad: Vec<_> = cases.iter().enumerate().filter_map(|(at, (record, why))| Some((at, record, (*why)?))).collect();
    let good = (cases.len() - bad.len()) as u64 + 1;
    let status = world.catch_up(stream()).await;
    assert_eq!(counts(&status), [good, 0, 0, bad.len() as u64, 0]);
    let letters = world.letters().await;
    for ((at, record, why), listed) in bad.iter().zip(&letters) {
        assert_eq!(listed.letter.position.offset.0, *at as u64);
        assert!(listed.letter.reason.contains(why), "{why}: {}", listed.letter.reason);
        assert!(listed.letter.raw.as_ref() == Some(record), "{why}: the bytes are not the client's");
        assert_eq!(listed.letter.arrived, Some(pinflow_event::Clock::now(&*world.clock)));
    }
    assert_eq!(world.rows(&stream(), &["id"]).await, ["10", "100", "11", "2", "4", "9"]);
    let named = letters.iter().find(|listed| listed.letter.reason.contains("surrogate")).unwrap();
    assert_eq!(named.letter.place.as_deref(), Some("note"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_makes_wrong_values_null_and_the_history_counts_them() {
    let world = World::new(1).await;
    let wrong = [r#""large""#, r#"{"a":1}"#, "1e18", "1e999", r#""\ud800""#];
    let record = |(id, value)| format!(r#"{{"id":{id},"size":{value}}}"#);
    world.append(0, wrong.iter().chain(&["5"]).enumerate().map(record)).await;
    let status = world.catch_up(mended()).await;
    assert_eq!((counts(&status), status.nulled), ([6, 0, 0, 0, 0], 5));
    assert_eq!(status.last_batch.unwrap().nulled, 5);
    assert_eq!(world.rows(&mended(), &["id", "size"]).await, ["0|null", "1|null", "2|null", "3|null", "4|null", "5|5"]);
    let commit = std::fs::read_to_string(world.commits("stream").pop().unwrap()).unwrap();
    assert!(commit.contains(r#""pinflow.nulled":5"#), "{commit}");
}

/// A SELECT that fails on single records: the others of their batch go on, and the letter names the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_select_that_fails_on_a_record_rejects_it_alone() {
    let world = World::new(1).await;
    let mut strict = stream();
    strict.clean.text = "SELECT\n  id,\n  element_at(array(note), CAST(size AS int)) AS note\nFROM input".to_owned();
    world.append(0, [1, 0, 1].map(|size| format!(r#"{{"id":{size},"note":"a","size":{size}}}"#))).await;
    assert_eq!(counts(&world.catch_up(strict).await), [1, 1, 0, 1, 0]);
    let letters = world.letters().await;
    assert_eq!(letters[0].letter.place.as_deref(), Some("streams/order.sql:3"));
    assert!(letters[0].letter.reason.contains("there is no element 0"), "{}", letters[0].letter.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_says_what_a_changed_definition_is() {
    let world = World::new(1).await;
    for (id, stream) in [stream(), stream(), mended(), mended()].into_iter().enumerate() {
        world.append(0, [format!(r#"{{"id":{id}}}"#)]).await;
        world.catch_up(stream).await;
    }
    let commits = world.past_commits().await;
    let note = |name: &str| commits.iter().map(|commit| commit.notes.get(name)).collect::<Vec<_>>();
    let definitions = note("pinflow.definition");
    assert!(definitions[1] == definitions[2] && definitions[2] != definitions[3] && definitions[3] == definitions[4]);
    let told = |name: &str| note(name).iter().map(Option::is_some).collect::<Vec<_>>();
    for part in ["select", "schema", "key", "unknown_field_policies"] {
        assert_eq!(told(&format!("pinflow.definition.{part}")), [false, true, false, true, false], "{part}");
    }
    assert_eq!(commits[3].notes["pinflow.definition.select"], stream().clean.text.as_str());
    assert_eq!(commits[3].notes["pinflow.definition.schema"][2]["wrong_type"], "null");
    assert_eq!((commits[3].version, commits[3].operation.as_deref()), (3, Some("WRITE")));
}

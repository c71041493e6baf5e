//! The file of an access list.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use pinflow_access::{Access, AccessError, AccessFile, AccessList, Caller, Credential, Right};
use pinflow_event::TopicName;

const LIST: &str = "
callers:
  - name: loader
    api_keys: [first-key, 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08']
    produce: ['demo.*']
    administer: [demo.new]
  - name: reader
    passwords: [s3cret, older]
    signing_keys:
      - access_key_id: AKIAREADER
        secret_access_key: abc/def
    consume: ['*']
    dashboard: true
";

fn parse(text: &str) -> Result<AccessList, AccessError> {
    AccessList::parse(text, Path::new("access.yaml"))
}

fn topic(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

#[test]
fn credentials_lead_to_callers_and_callers_have_rights() {
    let list = parse(LIST).unwrap();
    let name = |caller: Option<Caller>| caller.and_then(|caller| caller.name().map(str::to_owned));
    assert_eq!(name(list.caller_of_api_key("first-key")).as_deref(), Some("loader"));
    assert_eq!(name(list.caller_of_api_key("test")).as_deref(), Some("loader"), "the hashed one");
    assert_eq!(name(list.caller_of_basic("reader", "older")).as_deref(), Some("reader"));
    let basic = Credential::Basic { user: "reader".into(), password: "s3cret".into() };
    assert_eq!(name(list.caller_of(&basic)).as_deref(), Some("reader"));
    assert!(list.signing_key("AKIAREADER").is_some() && list.signing_key("AKIA").is_none());
    for wrong in ["", "first-ke", "first-keys", "s3cret"] {
        assert!(list.caller_of_api_key(wrong).is_none(), "{wrong}");
    }
    for (user, password) in [("loader", "s3cret"), ("reader", ""), ("", "s3cret"), ("loader", "first-key")] {
        assert!(list.caller_of_basic(user, password).is_none(), "{user}");
    }

    let loader = list.caller_of_api_key("first-key").unwrap();
    assert!(loader.may(Right::Produce, &topic("demo.pin")) && !loader.may(Right::Produce, &topic("other")));
    assert!(!loader.may(Right::Consume, &topic("demo.pin")) && loader.may(Right::Administer, &topic("demo.new")));
    assert!(loader.knows(&topic("demo.pin")) && !loader.knows(&topic("other")) && !loader.may_use_dashboard());
    let reader = list.caller_of_basic("reader", "older").unwrap();
    assert!(reader.may(Right::Consume, &topic("other")) && reader.may_use_dashboard());
    let anyone = Caller::anyone();
    assert!(anyone.may(Right::Administer, &topic("other")) && anyone.may_use_dashboard() && anyone.name().is_none());
}

#[test]
fn everything_that_is_wrong_is_told_with_its_line_and_no_secret() {
    let wrong = "
callers:
  - name: a
    api_keys: ['sha256:abc']
    produce: [ok, 'not ok']
  - name: a
    passwords: ['']
  - name: nothing
  - name: c
    api_keys: [hush]
  - name: d
    api_keys: [hush]
    signing_keys: [{ access_key_id: 'A B', secret_access_key: '' }]
";
    let error = parse(wrong).unwrap_err().to_string();
    let expected = [
        "access.yaml:5: `not ok` under `produce` of `a` is no topic pattern",
        "access.yaml:4: number 1 of `api_keys` of `a` cannot be used: after `sha256:` stand 64 hex digits",
        "access.yaml:6: the caller `a` is there twice",
        "access.yaml:7: number 1 of `passwords` of `a` cannot be used: it must not be empty",
        "access.yaml:8: the caller `nothing` has no credential",
        "access.yaml:11: an API key of the caller `d` is there twice",
        "access.yaml:13: `A B` of `d` is no access key id",
        "access.yaml:13: the secret access key of `A B` is empty",
    ];
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{error}");
    lines.iter().zip(expected).for_each(|(line, start)| assert!(line.starts_with(start), "{line}\n{start}"));
    assert!(!error.contains("hush") && !error.contains("abc"), "{error}");

    for (text, line) in [
        ("callers: []", "access.yaml:1: the list has no caller"),
        ("\ncaller: []", "access.yaml:2: "),
        ("callers:\n  - name: a\n    api_key: hush", "access.yaml:3: "),
        ("callers:\n  - name: a\n    api_keys: hush", "access.yaml:3: "),
        ("callers:\n  - name: a\n    api_keys: [{x: hush}]", "access.yaml:3: "),
        ("callers: [", "access.yaml:"),
        ("", "access.yaml:1: "),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with(line) && !error.contains("hush"), "{text}: {error}");
    }
    assert!(matches!(AccessFile::open(Path::new("there/is/none")), Err(AccessError::File { .. })));
}

#[test]
fn headers_say_who_calls() {
    let name = |access: &Access, key, authorization| {
        let caller = access.caller_of(key, authorization);
        (caller.is_known(), caller.name().map(str::to_owned), caller.may(Right::Consume, &topic("t")))
    };
    let access = Access::listed(parse(LIST).unwrap());
    let loader = (true, Some("loader".to_owned()), false);
    let reader = (true, Some("reader".to_owned()), true);
    let nobody = (false, None, false);
    assert_eq!(name(&access, Some("first-key"), None), loader);
    assert_eq!(name(&access, Some("first-key"), Some("Basic cmVhZGVyOm9sZGVy")), loader);
    assert_eq!(name(&access, None, Some("Bearer first-key")), loader);
    assert_eq!(name(&access, None, Some("Basic cmVhZGVyOm9sZGVy")), reader);
    assert_eq!(name(&access, Some("wrong"), Some("Basic cmVhZGVyOm9sZGVy")), nobody);
    assert_eq!(name(&access, None, None), nobody);
    assert!(!access.caller_of(None, None).may_use_dashboard());
    assert_eq!(name(&Access::open(), Some("wrong"), None), (true, None, true));
}

#[test]
fn a_list_may_be_replaced_and_shows_no_secret() {
    let access = Access::open();
    let same = access.clone();
    assert!(access.list().is_none());
    access.replace(parse(LIST).unwrap());
    assert!(same.list().unwrap().caller_of_api_key("first-key").is_some());
    access.replace(parse(&LIST.replace("first-key", "second-key")).unwrap());
    assert!(same.list().unwrap().caller_of_api_key("first-key").is_none());
    let shown = format!("{access:?} {:?}", same.list().unwrap().signing_key("AKIAREADER"));
    assert!(!shown.contains("s3cret") && !shown.contains("second-key") && !shown.contains("abc/def"), "{shown}");
}

#[test]
fn a_file_is_read_again_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.yaml");
    std::fs::write(&path, LIST).unwrap();
    let file = AccessFile::open(&path).unwrap();
    let access = file.access().clone();
    let known = |key: &str| access.caller_of(Some(key), None).is_known();
    assert!(!file.reload().unwrap() && known("first-key"));
    std::fs::write(&path, "callers: [").unwrap();
    assert!(matches!(file.reload(), Err(AccessError::Invalid(_))));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(file.reload(), Err(AccessError::File { .. })));
    assert!(known("first-key"));
    std::fs::write(&path, LIST.replace("first-key", "second-key")).unwrap();
    assert!(file.reload().unwrap() && known("second-key") && !known("first-key"));
    assert!(!format!("{file:?}").contains("second-key"));
}

//! Signatures as botocore makes them, and everything that is refused, in AWS's words and order.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use pinflow_access::sigv4::{SignatureError, SignedRequest, verify};
use pinflow_access::{AccessList, Right};
use pinflow_event::{Timestamp, TopicName};

/// 2015-08-30 12:36:00, when the requests here were signed.
const SIGNED: i64 = 1_440_938_160_000;
const TARGET: (&str, &str) = ("X-Amz-Target", "Kinesis_20131202.ListStreams");
const DATE: (&str, &str) = ("X-Amz-Date", "20150830T123600Z");
const HOST: (&str, &str) = ("Host", "localhost:4568");
const SCOPE: &str = "AKIDEXAMPLE/20150830/us-east-1/kinesis/aws4_request";
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

fn list() -> AccessList {
    let text = "
callers:
  - name: loader
    signing_keys: [{ access_key_id: AKIDEXAMPLE, secret_access_key: wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY }]
    produce: ['demo.*']
";
    AccessList::parse(text, Path::new("access.yaml")).unwrap()
}

struct Sent {
    method: &'static str,
    path: &'static str,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
    now: i64,
}

impl Sent {
    /// `POST /` of ListStreams as botocore signs it.
    fn signed() -> Self {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
             Signature=014cc90e35f39658f6735f29d0f6e87d8797697309a1866ac2587e63888cdef6"
        );
        let headers = [
            HOST,
            ("Content-Type", "application/x-amz-json-1.1"),
            TARGET,
            ("User-Agent", "Boto3/1"),
            DATE,
            ("Authorization", &authorization),
        ];
        Self::of("POST", "/", "", &headers, r#"{"Limit": 3}"#)
    }

    fn of(
        method: &'static str,
        path: &'static str,
        query: &str,
        headers: &[(&'static str, &str)],
        body: &'static str,
    ) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { method, path, query: query.to_owned(), headers, body, now: SIGNED }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(given, _)| *given != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn authorization(&self) -> String {
        self.headers.iter().find(|(name, _)| *name == "Authorization").unwrap().1.clone()
    }

    /// Another text in place of `part` of the authorization.
    fn authorized(self, part: &str, other: &str) -> Self {
        let changed = self.authorization().replace(part, other);
        assert_ne!(changed, self.authorization());
        self.with("Authorization", &changed)
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(given, _)| *given != name);
        self
    }

    fn at(self, seconds: i64) -> Self {
        Self { now: SIGNED + seconds * 1_000, ..self }
    }

    fn verify(&self, list: Option<&AccessList>) -> Result<Option<String>, SignatureError> {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let Self { method, path, query, body, .. } = self;
        let request = SignedRequest { method, path, query, headers: &headers, body: body.as_bytes() };
        let caller = verify(list, &request, Timestamp::from_millis(self.now))?;
        Ok(caller.name().map(str::to_owned))
    }
}

fn presigned() -> Sent {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fkinesis%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host%3Bx-amz-target&X-Amz-Signature=99d6e5fa0ff68dc1808453789545ac1f0e50fccc7e2a03f8dcdb8a07bb0b5a59";
    Sent::of("POST", "/", query, &[HOST, TARGET], "")
}

#[test]
fn what_botocore_signs_is_accepted() {
    let list = list();
    let authorization = |headers: &str, signature: &str| {
        format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders={headers}, Signature={signature}")
    };
    let token = Sent::signed().with("X-Amz-Security-Token", "the/session+token==").with(
        "Authorization",
        &authorization(
            "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
            "b7579cec8c67405b881fb46a63df88e7607d9f3d7bab7a7fd57492c61d8d85b2",
        ),
    );
    let path = authorization("host;x-amz-date", "77399fb28e23a781b219620115e2391333052b24476c20db621911611c46037a");
    let headers = [("Host", "127.0.0.1:8080"), DATE, ("Authorization", path.as_str())];
    let path = Sent::of("GET", "/streams//a%20b/./x", "b=2&a=%2Fx&a=1", &headers, "");
    let date = Sent::signed().without("X-Amz-Date").with("Date", "Sun, 30 Aug 2015 12:36:00 -0000").with(
        "Authorization",
        &authorization(
            "content-type;date;host;x-amz-target",
            "7df7fc808ae133d29c2bc30477f26cf2b887af7772dabf74b875f8894ece5c05",
        ),
    );
    for sent in [Sent::signed(), token, path, date, presigned(), presigned().at(3599), Sent::signed().at(-299)] {
        assert_eq!(sent.verify(Some(&list)).unwrap().as_deref(), Some("loader"), "{}", sent.query);
        assert_eq!(sent.verify(None).unwrap(), None);
    }
    assert!(list.callers()[0].may(Right::Produce, &TopicName::new("demo.pin").unwrap()));
}

#[test]
fn what_does_not_fit_the_signature_is_refused() {
    let list = list();
    let changed = [
        Sent { body: "{}", ..Sent::signed() },
        Sent { method: "GET", ..Sent::signed() },
        Sent { path: "/x", ..Sent::signed() },
        Sent { query: "a=1".to_owned(), ..Sent::signed() },
        Sent::signed().with("Host", "localhost"),
        Sent::signed().with("X-Amz-Target", "Kinesis_20131202.DeleteStream"),
        Sent::signed().authorized("Signature=0", "Signature=1"),
        Sent::signed().authorized("us-east-1", "us-west-1"),
        Sent { body: "{}", ..presigned() },
    ];
    for sent in changed {
        assert_eq!(sent.verify(Some(&list)), Err(SignatureError::Invalid(MISMATCH.to_owned())));
    }
}

#[test]
fn each_refusal_has_its_kind_and_words() {
    let list = list();
    let incomplete = "IncompleteSignatureException";
    let invalid = "InvalidSignatureException";
    let missing = ("MissingAuthenticationTokenException", "Missing Authentication Token");
    let both = Sent { query: presigned().query, ..Sent::signed() };
    for (sent, (kind, message)) in [
        (Sent::signed().without("Authorization"), missing),
        (Sent::signed().with("Authorization", "Basic dTpw"), missing),
        (both, (invalid, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")),
        (
            Sent::signed().with("Authorization", "AWS4-").without("X-Amz-Date"),
            (
                incomplete,
                "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-",
            ),
        ),
        (
            Sent { query: "X-Amz-Algorithm=".to_owned(), ..presigned() },
            (
                incomplete,
                "AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.",
            ),
        ),
        (
            Sent::signed().with("X-Amz-Date", "201"),
            (
                incomplete,
                "Date must be in ISO-8601 'basic format'. Got '201'. See http://en.wikipedia.org/wiki/ISO_8601",
            ),
        ),
        (
            Sent::signed().at(301),
            (
                invalid,
                "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)",
            ),
        ),
        (
            presigned().at(3601),
            (
                invalid,
                "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T133601Z - 60 min.)",
            ),
        ),
        (
            Sent::signed().at(-301),
            (
                invalid,
                "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)",
            ),
        ),
        (
            Sent::signed().authorized(";host", ""),
            (invalid, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."),
        ),
        (
            Sent::signed().authorized(";x-amz-target", ""),
            (invalid, "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."),
        ),
        (
            Sent::signed().authorized("SHA256", "SHA25"),
            (incomplete, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now). "),
        ),
        (
            Sent::signed().authorized(SCOPE, "a/b/c/d"),
            (
                incomplete,
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c/d'",
            ),
        ),
        (
            Sent::signed().authorized(SCOPE, "a/b/c/d/e"),
            (
                invalid,
                "Credential should be scoped to correct service: 'kinesis'. Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: 'b' != '20150830', from '20150830T123600Z'.",
            ),
        ),
        (
            Sent::signed().authorized("AKIDEXAMPLE", "AKIDOTHER"),
            ("UnrecognizedClientException", "The security token included in the request is invalid."),
        ),
    ] {
        let refused = sent.verify(Some(&list)).unwrap_err();
        assert_eq!((refused.kind(), refused.to_string().as_str()), (kind, message));
    }
}

#[test]
fn without_a_list_a_signature_has_to_be_well_formed_and_no_more() {
    for accepted in [Sent::signed().at(1_000_000), Sent { body: "{}", ..Sent::signed() }] {
        assert_eq!(accepted.verify(None), Ok(None));
    }
    for refused in [Sent::signed().without("Authorization"), Sent::signed().without("X-Amz-Date")] {
        assert!(refused.verify(None).is_err());
    }
}

//! The checks, in the order of AWS.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use pinflow_event::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::authorization::Authorization;
use super::canonical::{canonical_request, hex};
use super::{SignatureError, SignedRequest, date};
use crate::caller::Caller;
use crate::list::AccessList;

const SERVICE: &str = "kinesis";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// How far a signature's date may be from the clock.
const SKEW: Duration = Duration::from_secs(5 * 60);
/// The longest that a presigned URL may be valid.
const LONGEST_EXPIRY: u64 = 7 * 24 * 3600;

/// The caller who signed `request`, a request to Kinesis. Without a list that is anyone whose signature is well-formed.
///
/// # Errors
/// [`SignatureError`], in the words of AWS.
pub fn verify(
    list: Option<&AccessList>,
    request: &SignedRequest<'_>,
    now: Timestamp,
) -> Result<Caller, SignatureError> {
    let authorization = Authorization::of(request)?;
    match list {
        None => Ok(Caller::anyone()),
        Some(list) => verify_listed(SERVICE, list, request, &authorization, now),
    }
}

fn verify_listed(
    service: &str,
    list: &AccessList,
    request: &SignedRequest<'_>,
    authorization: &Authorization,
    now: Timestamp,
) -> Result<Caller, SignatureError> {
    let date = checked_date(authorization, now)?;
    check_signed_headers(request, authorization)?;
    if authorization.algorithm != ALGORITHM {
        let given = &authorization.algorithm;
        let message = format!("Unsupported AWS 'algorithm': '{given}' (only {ALGORITHM} for now). ");
        return Err(SignatureError::Incomplete(message));
    }
    let scope = Scope::of(authorization)?;
    scope.check(service, &date)?;
    let key = list.signing_key(scope.access_key_id).ok_or(SignatureError::UnrecognizedClient)?;
    let expected = signature(&key.secret, &scope, &date, &canonical_request(request, &authorization.signed_headers));
    if bool::from(expected.as_bytes().ct_eq(authorization.signature.as_bytes())) {
        Ok(key.caller.clone())
    } else {
        Err(SignatureError::mismatch())
    }
}

/// The date of the signature, in the form that is signed.
fn checked_date(authorization: &Authorization, now: Timestamp) -> Result<String, SignatureError> {
    let given = &authorization.date;
    let signed = date::parse(given).ok_or_else(|| {
        SignatureError::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{given}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ))
    })?;
    let validity = match &authorization.expires {
        None => SKEW,
        Some(seconds) => expiry(seconds)?,
    };
    let date = date::show(signed);
    let (oldest, newest) = (now.minus(validity), now.plus(SKEW));
    if signed < oldest {
        let minutes = validity.as_secs() / 60;
        return Err(SignatureError::Invalid(format!(
            "Signature expired: {date} is now earlier than {} ({} - {minutes} min.)",
            date::show(oldest),
            date::show(now)
        )));
    }
    if signed > newest {
        return Err(SignatureError::Invalid(format!(
            "Signature not yet current: {date} is still later than {} ({} + {} min.)",
            date::show(newest),
            date::show(now),
            SKEW.as_secs() / 60
        )));
    }
    Ok(date)
}

fn expiry(seconds: &str) -> Result<Duration, SignatureError> {
    let seconds = seconds.parse().ok().filter(|seconds| (1..=LONGEST_EXPIRY).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        SignatureError::Incomplete(format!("X-Amz-Expires must be a number of seconds between 1 and {LONGEST_EXPIRY}"))
    })
}

/// What a signature does not cover could be another's, so the host and all of AWS's own headers must be covered.
fn check_signed_headers(request: &SignedRequest<'_>, authorization: &Authorization) -> Result<(), SignatureError> {
    let is_signed = |name: &str| authorization.signed_headers.iter().any(|signed| signed == name);
    let unsigned = if is_signed("host") || is_signed(":authority") {
        let names = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        names.filter(|name| name.starts_with("x-amz-") && !is_signed(name)).map(|name| format!("'{name}'")).next()
    } else {
        Some("'Host' or ':authority'".to_owned())
    };
    match unsigned {
        None => Ok(()),
        Some(name) => {
            Err(SignatureError::Invalid(format!("{name} must be a 'SignedHeader' in the AWS Authorization.")))
        }
    }
}

/// What a signature is good for: `keyid/date/region/service/term`.
struct Scope<'a> {
    access_key_id: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    terminator: &'a str,
}

impl<'a> Scope<'a> {
    fn of(authorization: &'a Authorization) -> Result<Self, SignatureError> {
        let parts: Vec<&str> = authorization.credential.trim_end_matches('/').split('/').collect();
        let [access_key_id, day, region, service, terminator] = parts[..] else {
            return Err(SignatureError::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
                authorization.credential
            )));
        };
        Ok(Self { access_key_id, day, region, service, terminator })
    }

    fn check(&self, service: &str, date: &str) -> Result<(), SignatureError> {
        let mut wrong = Vec::new();
        if self.region.is_empty() {
            wrong.push("Credential should be scoped to a valid region, not ''. ".to_owned());
        }
        if self.service != service {
            wrong.push(format!("Credential should be scoped to correct service: '{service}'. "));
        }
        if self.terminator != TERMINATOR {
            let given = self.terminator;
            wrong.push(format!("Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{given}'. "));
        }
        let day = date.get(..8).unwrap_or_default();
        if self.day != day {
            wrong.push(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{day}', from '{date}'.",
                self.day
            ));
        }
        if wrong.is_empty() { Ok(()) } else { Err(SignatureError::Invalid(wrong.concat().trim_end().to_owned())) }
    }
}

fn signature(secret: &str, scope: &Scope<'_>, date: &str, canonical: &str) -> String {
    let Scope { day, region, service, terminator, .. } = scope;
    let to_sign = format!(
        "{ALGORITHM}\n{date}\n{day}/{region}/{service}/{terminator}\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [day, region, service, terminator] {
        key = hmac(&key, part.as_bytes());
    }
    hex(&hmac(&key, to_sign.as_bytes()))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;

    const LIST: &str = "
callers:
  - name: aws
    signing_keys: [{ access_key_id: AKIDEXAMPLE, secret_access_key: wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY }]
";

    /// Method, path, query, own headers, body, signed headers, signature.
    type Case<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);

    /// Cases of AWS's published test suite for signers (`aws4_testsuite`), whose service is called `service`.
    #[test]
    fn the_published_test_suite() {
        let vanilla = "host;x-amz-date";
        let cases: [Case; 8] = [
            ("GET", "/", "", &[], "", vanilla, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "GET",
                "/",
                "Param2=value2&Param1=value1",
                &[],
                "",
                vanilla,
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            ("POST", "/", "", &[], "", vanilla, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                "GET",
                "/",
                "",
                &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
                "",
                "host;my-header1;my-header2;x-amz-date",
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            (
                "POST",
                "/",
                "",
                &[("Content-Type", "application/x-www-form-urlencoded")],
                "Param1=value1",
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "GET",
                "/example space/",
                "",
                &[],
                "",
                vanilla,
                "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
            ),
            (
                "GET",
                "/example/..",
                "",
                &[],
                "",
                vanilla,
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            ("GET", "//", "", &[], "", vanilla, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ];
        let list = AccessList::parse(LIST, Path::new("access.yaml")).unwrap();
        for (method, path, query, own, body, signed, signature) in cases {
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={signed}, Signature={signature}"
            );
            let mut headers: Vec<(&str, &[u8])> =
                vec![("Host", b"example.amazonaws.com"), ("X-Amz-Date", b"20150830T123600Z")];
            headers.extend(own.iter().map(|(name, value)| (*name, value.as_bytes())));
            headers.push(("Authorization", authorization.as_bytes()));
            let request = SignedRequest { method, path, query, headers: &headers, body: body.as_bytes() };
            let parsed = Authorization::of(&request).unwrap();
            let now = date::parse("20150830T123600Z").unwrap();
            let caller = verify_listed("service", &list, &request, &parsed, now);
            assert_eq!(caller.unwrap().name(), Some("aws"), "{method} {path} {query}");
        }
    }
}

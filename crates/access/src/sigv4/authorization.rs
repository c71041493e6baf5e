//! What a request says about its signature: in the `Authorization` header, or in the query of a presigned URL.

use std::collections::HashMap;

use super::canonical::percent_decoded;
use super::{SignatureError, SignedRequest};

/// A complete signature, its parts not yet checked.
#[derive(Debug)]
pub(super) struct Authorization {
    pub algorithm: String,
    pub credential: String,
    pub signed_headers: Vec<String>,
    pub signature: String,
    /// When it was signed, as it was written.
    pub date: String,
    /// How long a presigned URL says that it is valid, in seconds.
    pub expires: Option<String>,
}

const ALGORITHM: &str = "X-Amz-Algorithm";
/// The parameter that is not signed itself.
pub(super) const SIGNATURE: &str = "X-Amz-Signature";

impl Authorization {
    /// Reads either form.
    ///
    /// # Errors
    /// [`SignatureError`] where there is none, where there are both, and where one lacks something.
    pub(super) fn of(request: &SignedRequest<'_>) -> Result<Self, SignatureError> {
        let header = request.header("authorization").next();
        let query = parameters(request.query);
        match (header, query.contains_key(ALGORITHM)) {
            (Some(_), true) => Err(SignatureError::Invalid(format!(
                "Found both '{ALGORITHM}' as a query-string param and 'Authorization' as HTTP header."
            ))),
            (None, true) => Self::of_query(query),
            (Some(header), false) if !is_of_another_scheme(&header) => Self::of_header(header.trim(), request),
            (_, false) => Err(SignatureError::MissingAuthenticationToken),
        }
    }

    fn of_header(header: &str, request: &SignedRequest<'_>) -> Result<Self, SignatureError> {
        let algorithm = header.split([',', ' ']).next().unwrap_or_default().to_owned();
        let parts = || header.split([',', ' ']).skip(1).filter_map(|word| word.trim().split_once('='));
        let date = request.header("x-amz-date").chain(request.header("date")).find(|date| !date.is_empty());
        let mut missing = String::new();
        let mut part = |name: &str| {
            let part = parts().filter(|(given, _)| *given == name).last().map(|(_, value)| value.to_owned());
            let part = part.unwrap_or_default();
            if part.is_empty() {
                missing.push_str(&format!("Authorization header requires '{name}' parameter. "));
            }
            part
        };
        let (credential, signature, signed_headers) = (part("Credential"), part("Signature"), part("SignedHeaders"));
        if date.is_none() {
            missing.push_str("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
        }
        match date {
            Some(date) if missing.is_empty() => Ok(Self {
                algorithm,
                credential,
                signed_headers: names(&signed_headers),
                signature,
                date: date.trim().to_owned(),
                expires: None,
            }),
            _ => Err(SignatureError::Incomplete(format!("{missing}Authorization={header}"))),
        }
    }

    fn of_query(mut query: HashMap<String, String>) -> Result<Self, SignatureError> {
        let mut missing = String::new();
        let mut part = |name: &str| {
            let part = query.remove(name).unwrap_or_default();
            if part.is_empty() {
                missing.push_str(&format!("AWS query-string parameters must include '{name}'. "));
            }
            part
        };
        let (algorithm, credential, signature) = (part(ALGORITHM), part("X-Amz-Credential"), part(SIGNATURE));
        let (signed_headers, date) = (names(&part("X-Amz-SignedHeaders")), part("X-Amz-Date"));
        if !missing.is_empty() {
            return Err(SignatureError::Incomplete(format!("{missing}Re-examine the query-string parameters.")));
        }
        Ok(Self { algorithm, credential, signed_headers, signature, date, expires: query.remove("X-Amz-Expires") })
    }
}

/// Whether a header has a credential of another kind; anything else is a signature that lacks something.
fn is_of_another_scheme(header: &str) -> bool {
    let scheme = header.trim().split(' ').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("basic") || scheme.eq_ignore_ascii_case("bearer")
}

fn names(list: &str) -> Vec<String> {
    list.split(';').map(str::to_ascii_lowercase).collect()
}

/// The parameters of a query; of a name that stands several times, the first.
fn parameters(query: &str) -> HashMap<String, String> {
    let mut parameters = HashMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| String::from_utf8_lossy(&percent_decoded(text)).into_owned();
        parameters.entry(decode(name)).or_insert_with(|| decode(value));
    }
    parameters
}

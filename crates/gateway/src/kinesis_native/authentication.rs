//! Who signed a request.

use std::collections::HashMap;

use axum::extract::Query;
use axum::http::header::{AUTHORIZATION, DATE};
use pinflow_access::Caller;

use crate::dialect::Call;

const DATE_HEADER: &str = "x-amz-date";
const ALGORITHM: &str = "X-Amz-Algorithm";
const HEADER_PARAMETERS: [&str; 3] = ["Credential", "Signature", "SignedHeaders"];
const QUERY_PARAMETERS: [&str; 5] =
    [ALGORITHM, "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"];

/// Why a signature is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unauthenticated {
    /// There is none.
    #[error("Missing Authentication Token")]
    Missing,
    /// A part of it is not there.
    #[error("{0}")]
    Incomplete(String),
    /// There are two.
    #[error("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")]
    Twofold,
}

impl Unauthenticated {
    /// The error's type, as in `__type`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::Twofold => "InvalidSignatureException",
        }
    }
}

/// The caller of a request, which must carry a complete signature, in a header or in its query.
///
/// # Errors
/// [`Unauthenticated`].
pub(super) fn authenticate(call: &Call) -> Result<Caller, Unauthenticated> {
    let header = call.headers.get(AUTHORIZATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let header = header.filter(|header| !header.is_empty());
    let query = Query::<HashMap<String, String>>::try_from_uri(&call.uri).map(|Query(query)| query).unwrap_or_default();
    match (header, query.contains_key(ALGORITHM)) {
        (Some(_), true) => return Err(Unauthenticated::Twofold),
        (None, false) => return Err(Unauthenticated::Missing),
        (Some(header), false) => {
            let dated = call.headers.contains_key(DATE_HEADER) || call.headers.contains_key(DATE);
            check_header(&header, dated)?;
        }
        (None, true) => check_query(&query)?,
    }
    Ok(call.caller.clone())
}

fn check_header(header: &str, dated: bool) -> Result<(), Unauthenticated> {
    let given: HashMap<&str, &str> =
        header.split([',', ' ']).skip(1).filter_map(|part| part.trim().split_once('=')).collect();
    let missing = HEADER_PARAMETERS.iter().filter(|name| given.get(*name).is_none_or(|value| value.is_empty()));
    let mut message: String =
        missing.map(|name| format!("Authorization header requires '{name}' parameter. ")).collect();
    if !dated {
        message += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    if message.is_empty() {
        Ok(())
    } else {
        Err(Unauthenticated::Incomplete(format!("{message}Authorization={header}")))
    }
}

fn check_query(query: &HashMap<String, String>) -> Result<(), Unauthenticated> {
    let missing = QUERY_PARAMETERS.iter().filter(|name| query.get(**name).is_none_or(String::is_empty));
    let message: String = missing.map(|name| format!("AWS query-string parameters must include '{name}'. ")).collect();
    if message.is_empty() {
        return Ok(());
    }
    Err(Unauthenticated::Incomplete(format!("{message}Re-examine the query-string parameters.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_three_parameters_in_any_form() {
        for header in [
            "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host;x-amz-date, Signature=00",
            "AWS4-HMAC-SHA256 Signature=00,Credential=a/b/c,SignedHeaders=host",
        ] {
            assert_eq!(check_header(header, true), Ok(()), "{header}");
        }
        let refused = check_header("AWS4- Signature=b,Credential=a", true);
        let message =
            "Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4- Signature=b,Credential=a";
        assert_eq!(refused, Err(Unauthenticated::Incomplete(message.to_owned())));
        let Err(Unauthenticated::Incomplete(message)) = check_header("X", false) else { panic!("it was taken") };
        assert_eq!(
            message,
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization \
             header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' \
             header. Authorization=X"
        );
    }

    #[test]
    fn a_query_has_five_parameters() {
        let mut query: HashMap<String, String> = QUERY_PARAMETERS.map(|name| (name.to_owned(), "x".to_owned())).into();
        assert_eq!(check_query(&query), Ok(()));
        query.insert("X-Amz-Date".to_owned(), String::new());
        let message = "AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.";
        assert_eq!(check_query(&query), Err(Unauthenticated::Incomplete(message.to_owned())));
    }
}

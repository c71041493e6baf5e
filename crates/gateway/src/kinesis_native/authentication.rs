//! Who signed a request.

use pinflow_access::Caller;
use pinflow_access::sigv4::{self, SignatureError, SignedRequest};

use crate::dialect::Call;

/// The caller of a request, which must carry a complete signature in a header or in its query. Where there is an access list
/// the signature must also be that of a key in it. `body` is the body as it was sent.
///
/// # Errors
/// [`SignatureError`].
pub(super) fn authenticate(call: &Call, body: &[u8]) -> Result<Caller, SignatureError> {
    let headers: Vec<(&str, &[u8])> =
        call.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let request = SignedRequest {
        method: call.method.as_str(),
        path: call.uri.path(),
        query: call.uri.query().unwrap_or_default(),
        headers: &headers,
        body,
    };
    sigv4::verify(call.backend.access.list().as_deref(), &request, call.backend.clock.now())
}

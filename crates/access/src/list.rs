//! The access list: from a credential to a caller.

use std::collections::HashMap;
use std::fmt;

use crate::caller::Caller;
use crate::credential::{Credential, SecretDigest};

/// The callers that are known, by their credentials.
#[derive(Default)]
pub struct AccessList {
    pub(crate) callers: Vec<Caller>,
    pub(crate) api_keys: Vec<(SecretDigest, Caller)>,
    /// The user is the caller's name.
    pub(crate) passwords: Vec<(SecretDigest, Caller)>,
    pub(crate) signing_keys: HashMap<String, SigningKey>,
}

/// The secret half of an AWS key, and whose it is.
#[derive(Clone)]
pub struct SigningKey {
    pub(crate) secret: String,
    pub(crate) caller: Caller,
}

impl AccessList {
    /// The caller with that API key.
    pub fn caller_of_api_key(&self, key: &str) -> Option<Caller> {
        find(&self.api_keys, key, |_| true)
    }

    /// The caller of that name with that password.
    pub fn caller_of_basic(&self, user: &str, password: &str) -> Option<Caller> {
        find(&self.passwords, password, |caller| caller.name() == Some(user))
    }

    /// The caller with that credential.
    pub fn caller_of(&self, credential: &Credential) -> Option<Caller> {
        match credential {
            Credential::ApiKey(key) => self.caller_of_api_key(key),
            Credential::Basic { user, password } => self.caller_of_basic(user, password),
        }
    }

    /// The secret key of an AWS access key id. The id itself is no secret.
    pub fn signing_key(&self, access_key_id: &str) -> Option<&SigningKey> {
        self.signing_keys.get(access_key_id)
    }

    /// The callers, in the order of the file.
    pub fn callers(&self) -> &[Caller] {
        &self.callers
    }
}

/// Looks at all secrets, also after one that fits: the time says nothing about which it was.
fn find(secrets: &[(SecretDigest, Caller)], given: &str, fits: impl Fn(&Caller) -> bool) -> Option<Caller> {
    let given = SecretDigest::of(given);
    let mut found = None;
    for (secret, caller) in secrets {
        if bool::from(secret.is(&given)) && fits(caller) {
            found = Some(caller);
        }
    }
    found.cloned()
}

impl fmt::Debug for AccessList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccessList").field(&self.callers).finish()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("caller", &self.caller.name()).finish_non_exhaustive()
    }
}

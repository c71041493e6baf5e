//! The access list that counts now: it may be replaced while requests are answered.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::caller::Caller;
use crate::credential::Credential;
use crate::list::AccessList;

/// Whether there is an access list, and which. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Access(Arc<ArcSwapOption<AccessList>>);

impl Access {
    /// No access list: anyone may do everything.
    pub fn open() -> Self {
        Self::default()
    }

    /// Callers in `list` alone.
    pub fn listed(list: AccessList) -> Self {
        let access = Self::default();
        access.replace(list);
        access
    }

    /// From now on `list` counts, for requests that come from now on.
    pub fn replace(&self, list: AccessList) {
        self.0.store(Some(Arc::new(list)));
    }

    /// The list that counts now; `None` where there is none and anyone may do everything.
    pub fn list(&self) -> Option<Arc<AccessList>> {
        self.0.load_full()
    }

    /// Who a request comes from, by the values of its headers `X-Api-Key` and `Authorization`, the first of them that is there.
    pub fn caller_of(&self, api_key: Option<&str>, authorization: Option<&str>) -> Caller {
        let list = self.0.load();
        let Some(list) = list.as_deref() else { return Caller::anyone() };
        let key = api_key.map(|key| Credential::ApiKey(key.to_owned()));
        let credential = key.or_else(|| authorization.and_then(Credential::of_authorization));
        credential.and_then(|credential| list.caller_of(&credential)).unwrap_or_else(Caller::nobody)
    }
}

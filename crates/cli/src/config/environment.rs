//! Settings from the environment: `PINFLOW_LOG_SEGMENT_BYTES` sets `log.segment_bytes`, `PINFLOW_VAR_USER_ID` the
//! pipeline's variable `user_id`.

use std::collections::BTreeMap;
use std::sync::Arc;

use pinflow_node::CrashPoint;

use super::{Assignments, ConfigError, Origin, SETTINGS, did_you_mean};

const PREFIX: &str = "PINFLOW_";
const VARIABLE_PREFIX: &str = "PINFLOW_VAR_";
/// Left to the project's own tests.
const TEST_PREFIX: &str = "PINFLOW_TEST_";
/// Where the process is to die, as `log.sync:before:17`: no setting, since nobody but a test wants it.
const CRASH_VARIABLE: &str = "PINFLOW_TEST_CRASH";

/// What the environment says; a variable that begins with `PINFLOW_` and sets nothing is refused.
pub(super) fn read(environment: &BTreeMap<String, String>) -> Result<Assignments, ConfigError> {
    let mut assignments = Assignments::default();
    for (name, value) in
        environment.iter().filter(|(name, _)| name.starts_with(PREFIX) && !name.starts_with(TEST_PREFIX))
    {
        let origin = Origin::Environment(name.clone());
        if let Some(variable) = name.strip_prefix(VARIABLE_PREFIX) {
            assignments.variables.push((variable.to_lowercase(), value.clone(), origin));
        } else if let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == *name) {
            assignments.settings.push((setting, value.clone(), origin));
        } else {
            let known: Vec<String> = SETTINGS.iter().map(super::Setting::variable).collect();
            let hint = did_you_mean(name, known.iter().map(String::as_str))
                .unwrap_or_else(|| "`pinflow config` lists what can be set".to_owned());
            return Err(ConfigError::UnknownVariable { name: name.clone(), hint });
        }
    }
    Ok(assignments)
}

/// Where a test wants the process to die.
pub(super) fn crash_point(environment: &BTreeMap<String, String>) -> Result<Option<Arc<CrashPoint>>, ConfigError> {
    let point = environment.get(CRASH_VARIABLE).map(|text| text.parse().map(Arc::new)).transpose();
    point.map_err(|problem| ConfigError::CrashPoint { variable: CRASH_VARIABLE, problem })
}

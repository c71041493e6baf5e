//! The page `docs/configuration.md`, written from the table of settings.

use super::{SETTINGS, Setting, Settings};

const BEGINNING: &str = "# Configuration

<!-- Written by `pinflow config --reference`. A test compares this page with the table of settings in the program. -->

A setting is taken from, the later the stronger: its default, the configuration file, the environment, flags.
`pinflow config` shows the value of each and where it comes from; secrets are hidden.

- **File:** `pinflow.yaml` in the working directory, if it is there, or the one that `--config FILE` names. Its keys are those
  below, dotted (`log.segment_bytes: 64MiB`) or nested (`log: { segment_bytes: 64MiB }`). Below `variables` stand values for the
  variables of the pipeline.
- **Environment:** `PINFLOW_` and the key in capitals, `_` for `.`. `PINFLOW_VAR_USER_ID` is the pipeline's variable `user_id`.
  Names that begin with `PINFLOW_TEST_` are left to tests.
- **Flags:** `-c KEY=VALUE` for every setting; some have a flag of their own, which wins over `-c`. `--set NAME=VALUE` for
  variables of the pipeline.

An unknown key, an unknown `PINFLOW_` variable, a wrong value: each is refused with status 2 before anything starts.
A pipeline's variable that nobody sets here is taken from the environment variable of its own name, then from its default in
`pipeline.yaml`.

Sizes are bytes, or a number with `KiB`, `MiB`, `GiB`. Time spans are numbers with `ms`, `s`, `m`, `h`, `d`, as in `1h30m`.
Lists have commas between their elements, or are lists of YAML. `none` stands for no value, where there may be none. Quote
numbers whose leading zeros count (`gateway.account_id: \"000000000000\"`).

";

/// The page.
pub fn page() -> String {
    let defaults = Settings::default();
    let mut page = BEGINNING.to_owned();
    page.push_str("| setting | default | what it does | environment | flag |\n|---|---|---|---|---|\n");
    for setting in SETTINGS {
        page.push_str(&line(setting, &defaults));
    }
    page
}

fn line(setting: &Setting, defaults: &Settings) -> String {
    let flag = setting.flag.map(|flag| format!("`{flag}`")).unwrap_or_default();
    let secret = if setting.secret { " (secret)" } else { "" };
    format!(
        "| `{}` | `{}` | {}{secret} | `{}` | {flag} |\n",
        setting.key,
        (setting.get)(defaults),
        setting.help,
        setting.variable()
    )
}

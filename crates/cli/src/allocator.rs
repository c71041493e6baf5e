//! The settings of the allocator, which mimalloc takes from the environment before `main` begins.
//!
//! Lanes fill and free the same few buffers again and again. By default mimalloc asks for pages of 2 MiB and gives them back after a
//! second without use; the kernel then clears each of them anew, which took a third of a lane's processor time.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Ordinary pages, and ten seconds until what is not used goes back to the system.
const SETTINGS: [(&str, &str); 2] = [("MIMALLOC_ALLOW_THP", "0"), ("MIMALLOC_PURGE_DELAY", "10000")];

/// What of the settings the environment does not say.
fn missing(is_set: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str)> {
    SETTINGS.into_iter().filter(|(name, _)| !is_set(name)).collect()
}

/// Starts this program once more in the same process, with the settings, unless the environment has them. Where that is not to be had
/// the program goes on as it is, only slower.
pub(crate) fn settle() {
    let missing = missing(|name| std::env::var_os(name).is_some());
    let (Ok(program), false) = (std::env::current_exe(), missing.is_empty()) else { return };
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let mut command = Command::new(program);
    command.arg0(name.as_deref().unwrap_or(OsStr::new("pinflow"))).args(arguments).envs(missing);
    // Returns only where it failed.
    let _ = command.exec();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_says_stays() {
        assert_eq!(missing(|_| false), SETTINGS);
        assert_eq!(missing(|name| name == "MIMALLOC_PURGE_DELAY"), SETTINGS[..1]);
        assert_eq!(missing(|_| true), []);
    }
}

//! What counts of the environment: switches, for all programs of a machine, whatever their files and builders say.

use std::env;

use super::value::is_word;

/// What a switch says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Flag {
    On,
    /// Also where there is none.
    Off,
    /// Neither.
    Unclear,
}

/// The first of these variables that is set and not empty.
pub(super) fn first<const N: usize>(variables: [&str; N]) -> Option<String> {
    variables.iter().find_map(|variable| env::var(variable).ok().filter(|value| !value.is_empty()))
}

pub(super) fn flag(variable: &str) -> Flag {
    let value = env::var_os(variable).unwrap_or_default();
    let value = value.to_string_lossy();
    match &*value {
        on if is_word(on, &["1", "true", "yes", "on"]) => Flag::On,
        off if is_word(off, &["", "0", "false", "no", "off"]) => Flag::Off,
        _ => Flag::Unclear,
    }
}

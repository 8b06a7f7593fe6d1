//! Environment variables that act as switches for all programs of a machine, whatever their files and builders say.

use std::env;

use super::value::is_word;

/// The value of a switch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Flag {
    On,
    /// The switch is off, or the variable is not set.
    Off,
    /// The value is neither on nor off.
    Unclear,
}

/// Returns the value of the first of these variables that is set and not empty.
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

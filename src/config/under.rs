//! Parameters that stand in a service or, in the same form, in a map in it.

use super::extractor::Extractor;
use super::value::Value;

/// The place of the parameters: empty for the service itself, or the path of a map in it.
pub(super) type Under<'a> = &'a [&'a str];

impl Extractor {
    /// Reads a switch that enables a map of details. Details without their switch have no effect, which is worth a warning.
    pub(super) fn switched_on(&mut self, under: Under, switch: &str, details: &str) -> bool {
        let on = self.flag_in(under, &[switch]);
        if on != Some(true) && self.value_in(under, &[details]).is_some() {
            let state = if on.is_some() { "false" } else { "not given" };
            self.no_effect_in(under, &[details], &format!("'{switch}' is {state}"));
        }
        on == Some(true)
    }

    pub fn value_in(&self, under: Under, path: Under) -> Option<Value> {
        let full = [under, path].concat();
        self.value(full[0], &full[1..])
    }

    pub fn problem_in(&mut self, under: Under, path: Under, message: &str) {
        let full = [under, path].concat();
        self.parameters.problem(full[0], &full[1..], message);
    }

    pub fn wrong_in(&mut self, under: Under, path: Under, expected: &str, found: &Value) {
        let full = [under, path].concat();
        self.wrong(full[0], &full[1..], expected, found);
    }

    pub fn flag_in(&mut self, under: Under, path: Under) -> Option<bool> {
        let full = [under, path].concat();
        self.flag(full[0], &full[1..])
    }

    pub fn text_in(&mut self, under: Under, path: Under) -> Option<String> {
        let full = [under, path].concat();
        self.text(full[0], &full[1..])
    }

    pub fn integer_in(&mut self, under: Under, path: Under, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let full = [under, path].concat();
        self.integer(full[0], &full[1..], range)
    }

    /// Warns that a parameter given there has no effect.
    pub fn no_effect_in(&mut self, under: Under, path: Under, why: &str) {
        self.warn_in(under, path, &format!("has no effect: {why}"));
    }

    pub fn warn_in(&mut self, under: Under, path: Under, what: &str) {
        let place = self.place_in(under, path);
        self.parameters.warnings.push(format!("{place} {what}"));
    }

    pub fn place_in(&self, under: Under, path: Under) -> String {
        let full = [under, path].concat();
        self.parameters.get(full[0]).map(|entry| self.parameters.place_of(entry, &full[1..])).unwrap_or_default()
    }
}

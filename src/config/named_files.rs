//! Checks who else may write the files that a configuration names.

use std::fs::Metadata;
use std::path::Path;

use super::extractor::Extractor;
use super::rights::{self, Use};

impl Extractor {
    /// Notes the findings about a file that was named at this place.
    pub fn look_at(&mut self, file: &Path, opened: Option<&Metadata>, use_: Use, place: &str) {
        // A folder or a device is a problem of its own, which is reported when it is read.
        if opened.is_none() && std::fs::metadata(file).is_ok_and(|found| !found.is_file()) {
            return;
        }
        for finding in rights::look_at(file, opened, use_) {
            let message = format!("{place}: {}", finding.message);
            match finding.is_error {
                true => self.parameters.add_problem(message),
                false => self.parameters.warnings.push(message),
            }
        }
    }
}

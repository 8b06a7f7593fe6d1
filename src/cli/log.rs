//! Shows the library's warnings, and with `-v` more, on standard error.

use std::fmt::{Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use super::failure::reworded;
use super::progress::say;

/// Shows warnings; with `verbose` 1 also changes of the connection, with 2 everything.
pub(super) fn show(verbose: u8) {
    // If a subscriber is already set, that one stays in use.
    let _ = tracing::subscriber::set_global_default(Log { verbose });
}

struct Log {
    verbose: u8,
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().starts_with(env!("CARGO_PKG_NAME"));
        ours && match *metadata.level() {
            Level::WARN => true,
            Level::INFO => self.verbose >= 1,
            // An error is not logged by default, because the command also reports it when it ends.
            _ => self.verbose >= 2,
        }
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut Text(&mut text));
        let text = reworded(text);
        match *event.metadata().level() {
            Level::WARN => say(&format!("warning: {text}")),
            _ => say(&text),
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        }
    }
}

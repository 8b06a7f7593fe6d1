//! The events of a simulation, and the faults among them.

use std::sync::Mutex;

use tokio::time::Instant;

use crate::lock::lock;

/// The environment variable that names the one seed to be played.
pub(super) const ONE_SEED: &str = "SIMULATION_SEED";

pub(super) struct History {
    began: Instant,
    /// True when every event is printed as it happens.
    aloud: bool,
    events: Mutex<Vec<String>>,
    faults: Mutex<Vec<String>>,
}

impl History {
    pub fn begin() -> History {
        History {
            began: Instant::now(),
            aloud: std::env::var_os(ONE_SEED).is_some(),
            events: Mutex::default(),
            faults: Mutex::default(),
        }
    }

    pub fn tell(&self, what: String) {
        let at = self.began.elapsed();
        let line = format!("{:>9.3} {what}", at.as_secs_f64());
        if self.aloud {
            println!("{line}");
        }
        lock(&self.events).push(line);
    }

    /// Records that a promise is broken.
    pub fn fault(&self, what: String) {
        self.tell(format!("FAULT: {what}"));
        lock(&self.faults).push(what);
    }

    pub fn faults(&self) -> Vec<String> {
        lock(&self.faults).clone()
    }

    pub fn events(&self) -> Vec<String> {
        lock(&self.events).clone()
    }
}

//! The broker, which outlives the process of a client, for simulations of the state that is kept on disk.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::broker::{Broker, Habits};
use super::history::History;
use super::network::{Network, Weather};
use crate::lock::lock;
use crate::mqtt::link;
use crate::mqtt::plan::Environment;
use crate::mqtt::runtime::Runtime;

/// The world outside of a client's process; see the module.
pub(crate) struct Outside {
    random: Arc<Mutex<fastrand::Rng>>,
    history: Arc<History>,
    broker: Arc<Broker>,
}

impl Outside {
    /// Creates a broker that forgets sessions at times, or never.
    pub fn new(seed: u64, forgets: bool) -> Outside {
        let mut random = fastrand::Rng::with_seed(seed);
        let habits = Habits {
            window: 20,
            takes: 20,
            hangs_up: if random.bool() { 0.02 } else { 0.0 },
            dawdles: if random.bool() { 0.1 } else { 0.0 },
            longest_nap: Duration::from_millis(200),
            loses_sessions: if forgets { 0.2 } else { 0.0 },
            // A broker that publishes late loses unpublished messages with their session.
            publishes_late: !forgets && random.bool(),
            ..Habits::default()
        };
        let random = Arc::new(Mutex::new(random));
        let history = Arc::new(History::begin());
        let broker = Arc::new(Broker::new(random.clone(), history.clone(), habits));
        Outside { random, history, broker }
    }

    /// Returns the network for the life of one process. It must be called inside `simulate`.
    pub fn network(&self) -> Arc<Network> {
        let mut weather = Weather::fair();
        weather.cut = if lock(&self.random).bool() { 0.3 } else { 0.0 };
        let patience = Duration::from_secs(90);
        Arc::new(Network::new(self.random.clone(), self.history.clone(), weather, self.broker.clone(), patience))
    }

    pub fn environment(&self, network: &Arc<Network>) -> Environment {
        Environment { runtime: Runtime::current(), network: link::Network::Simulated(network.clone()) }
    }

    /// Drops all habits, so that the broker does only what the specification says from now on.
    pub fn behave(&self) {
        self.broker.behave();
    }

    pub fn tell(&self, what: String) {
        self.history.tell(what);
    }

    /// Returns the numbers of the messages that were published, in the order of arrival.
    pub fn log(&self) -> Vec<u32> {
        self.broker.log().iter().map(|received| received.tag).collect()
    }

    pub fn faults(&self) -> Vec<String> {
        self.history.faults()
    }
}

impl Network {
    /// Ends the process: nothing of it reaches the broker any more.
    pub fn bury(&self) {
        self.take_down(Duration::from_secs(1_000_000), true);
    }
}

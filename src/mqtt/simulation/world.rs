//! A network, a broker and clients, all in one thread and on a paused clock.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::broker::{Broker, Habits};
use super::history::History;
use super::network::{Network, Weather};
use crate::builder;
use crate::config::{Role, Settings, Value};
use crate::material::KeyMaterial;
use crate::mqtt::link;
use crate::mqtt::plan::Environment;
use crate::mqtt::runtime::Runtime;
use crate::mqtt::{Client, ConnectionEvent};

pub(super) struct World {
    pub random: Arc<Mutex<fastrand::Rng>>,
    pub history: Arc<History>,
    pub broker: Arc<Broker>,
    pub network: Arc<Network>,
}

impl World {
    /// Creates a world. It must be called inside [`simulate`].
    pub fn new(seed: u64, habits: Habits, weather: Weather, keep_alive: Duration) -> World {
        let random = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
        let history = Arc::new(History::begin());
        let broker = Arc::new(Broker::new(random.clone(), history.clone(), habits));
        let patience = keep_alive.mul_f64(1.5);
        let network = Network::new(random.clone(), history.clone(), weather, broker.clone(), patience);
        World { random, history, broker, network: Arc::new(network) }
    }

    /// Returns a client that begins to connect.
    pub fn client(&self, role: Role, settings: &Settings) -> Client {
        let environment =
            Environment { runtime: Runtime::current(), network: link::Network::Simulated(self.network.clone()) };
        let history = self.history.clone();
        let id = settings.client_id.clone();
        let listener = Box::new(move |event: &ConnectionEvent| history.tell(format!("{id}: {event:?}")));
        let material = KeyMaterial::default();
        Client::start_in(environment, settings, role, None, &material, (Some(listener), None)).expect("a client")
    }
}

/// Runs a simulation to its end.
pub(crate) fn simulate<T>(simulation: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(simulation)
}

/// Returns the settings of a client of the topic `t`, with `more` parameters.
pub(crate) fn settings(role: Role, client_id: &str, more: &[(&str, Value)]) -> Settings {
    let mut request = builder::request(role);
    request.no_config = true;
    let base = [("type", "mqtt"), ("brokers", "broker:1883"), ("topic", "t"), ("client_id", client_id)];
    for (name, value) in base {
        request.parameters.insert(name, value);
    }
    for (name, value) in more {
        request.parameters.insert(*name, value.clone());
    }
    builder::load(&request).expect("settings")
}

//! The network of a simulation: names with several addresses, some of which do not answer, and connections with a fate.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::broker::Broker;
use super::history::History;
use super::pipe::{Fate, Observer, Pipe, pipe};
use crate::lock::lock;

/// The likelihood of each fault, from 0 to 1, and the properties of the network.
#[derive(Debug, Clone)]
pub(super) struct Weather {
    pub cut: f64,
    pub silent: f64,
    pub capacity: usize,
    /// The number of addresses of each host, before the good one, that do not answer.
    pub dead_addresses: usize,
    pub latency: Duration,
}

impl Weather {
    pub fn fair() -> Weather {
        Weather { cut: 0.0, silent: 0.0, capacity: 1 << 20, dead_addresses: 0, latency: Duration::from_millis(1) }
    }
}

pub(crate) struct Network {
    pub(super) random: Arc<Mutex<fastrand::Rng>>,
    pub(super) history: Arc<History>,
    weather: Mutex<Weather>,
    /// The moment until which the broker is down. The flag is true if connections are refused until then, and false if they
    /// stay unanswered.
    down: Mutex<(Instant, bool)>,
    broker: Arc<Broker>,
    wires: Mutex<Vec<Observer>>,
    /// The number of connections that were requested at the broker's own address.
    attempts: AtomicUsize,
    /// One and a half keep-alive intervals: a silence that lasts longer must be noticed.
    patience: Duration,
}

/// The last part of the broker's address, which is the last address of every host.
const ADDRESSES: u8 = 8;

impl Network {
    pub(super) fn new(
        random: Arc<Mutex<fastrand::Rng>>,
        history: Arc<History>,
        weather: Weather,
        broker: Arc<Broker>,
        patience: Duration,
    ) -> Network {
        Network {
            random,
            history,
            weather: Mutex::new(weather),
            down: Mutex::new((Instant::now(), false)),
            broker,
            wires: Mutex::default(),
            attempts: AtomicUsize::new(0),
            patience,
        }
    }

    pub async fn lookup(&self, _host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let latency = lock(&self.weather).latency;
        sleep(latency).await;
        let dead = lock(&self.weather).dead_addresses.min(ADDRESSES.into()) as u8;
        let good = Ipv4Addr::new(10, 0, 0, ADDRESSES);
        let addresses = (0..dead).map(|number| Ipv4Addr::new(10, 0, 0, number)).chain([good]);
        Ok(addresses.map(|address| SocketAddr::new(IpAddr::V4(address), port)).collect())
    }

    pub async fn connect(&self, address: SocketAddr) -> io::Result<Pipe> {
        let IpAddr::V4(ip) = address.ip() else { return Err(io::ErrorKind::Unsupported.into()) };
        if ip.octets()[3] < ADDRESSES {
            // The address is a black hole for longer than any deadline of the engine.
            sleep(Duration::from_secs(130)).await;
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let latency = lock(&self.weather).latency;
        sleep(latency).await;
        let (until, answers) = *lock(&self.down);
        if Instant::now() < until {
            if !answers {
                sleep(Duration::from_secs(130)).await;
            }
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (client, broker, observer) = pipe(self.fate());
        lock(&self.wires).push(observer.clone());
        self.history.tell(format!("connected to {address}"));
        tokio::spawn(self.broker.clone().serve(broker));
        tokio::spawn(watch_silence(observer, self.history.clone(), self.patience));
        Ok(client)
    }

    pub fn random(&self) -> f64 {
        lock(&self.random).f64()
    }

    fn fate(&self) -> Fate {
        let weather = lock(&self.weather).clone();
        let mut random = lock(&self.random);
        let mut cut = || (random.f64() < weather.cut).then(|| random.u64(1..3_000));
        let (cut_up, cut_down) = (cut(), cut());
        let silent_from =
            (random.f64() < weather.silent).then(|| Instant::now() + Duration::from_millis(random.u64(0..60_000)));
        Fate { capacity: weather.capacity, cut_up, cut_down, silent_from }
    }

    /// Changes the weather for connections that are opened from now on.
    pub(super) fn change(&self, weather: Weather) {
        *lock(&self.weather) = weather;
    }

    pub fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }

    pub fn open_connections(&self) -> usize {
        lock(&self.wires).iter().filter(|wire| wire.is_open()).count()
    }

    /// Ends all faults.
    pub fn heal(&self) {
        let latency = lock(&self.weather).latency;
        self.change(Weather { latency, ..Weather::fair() });
        lock(&self.down).0 = Instant::now();
        self.history.tell("healed".into());
        self.cut_all();
    }

    /// Takes the broker down for a while; without `answers` connections to it stay unanswered.
    pub fn take_down(&self, how_long: Duration, answers: bool) {
        *lock(&self.down) = (Instant::now() + how_long, answers);
        self.history.tell(format!("down for {how_long:?}"));
        self.cut_all();
    }

    pub fn cut_all(&self) {
        // The wires stay in the list, since the client must close even a broken one.
        let wires = lock(&self.wires);
        wires.iter().filter(|wire| wire.is_open()).for_each(Observer::cut);
    }
}

/// Records a fault if a client listens to silence for longer than it promises.
async fn watch_silence(wire: Observer, history: Arc<History>, patience: Duration) {
    while wire.is_open() {
        sleep(Duration::from_millis(500)).await;
        if let Some(silence) = wire.silence()
            && silence > patience + Duration::from_secs(1)
        {
            history.fault(format!("a silence of {silence:?} was not noticed"));
            return;
        }
    }
}

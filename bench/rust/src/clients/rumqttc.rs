//! rumqttc's asynchronous client, MQTT 3.1.1. As its documentation shows it, one task polls the event loop and another
//! publishes, on one thread; the size of its channel and its limit of messages in flight are the row's window.

use std::fs;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bench_tools::Outcome;
use bench_tools::measured::Measured;
use bench_tools::presence::Presence;
use bytes::Bytes;
use rumqttc::tokio_rustls::rustls::pki_types::CertificateDer;
use rumqttc::tokio_rustls::rustls::pki_types::pem::PemObject;
use rumqttc::tokio_rustls::rustls::{ClientConfig, RootCertStore};
use rumqttc::{
    AsyncClient, ClientError, Event, EventLoop, MqttOptions, NetworkOptions, Outgoing, Packet, QoS, TlsConfiguration,
    Transport,
};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use crate::client::{Client, Open, Writer};
use crate::reads::Counts;
use crate::target::Target;

pub const NAME: &str = "rumqttc";

/// A topic, an identifier and lengths besides the value.
const ENVELOPE: usize = 1024;
/// Requests that wait in the channel of a reader, which has no other than to subscribe and to end.
const FEW: usize = 10;
/// How long nothing may end before the rest is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two attempts to connect, as long as the others' shortest; without it the loop would ask without a pause.
const PAUSE: Duration = Duration::from_secs(1);

pub struct Rumqttc {
    runtime: Runtime,
    /// One configuration for all connections, as rustls advises.
    tls: OnceLock<Arc<ClientConfig>>,
}

impl Rumqttc {
    pub fn new() -> Outcome<Rumqttc> {
        Ok(Rumqttc {
            runtime: Builder::new_multi_thread().worker_threads(1).enable_all().build()?,
            tls: OnceLock::new(),
        })
    }

    fn options(&self, target: &Target) -> Outcome<MqttOptions> {
        let mut options = MqttOptions::new(target.client_id(), &target.host, target.port);
        // By default no packet may have more than 10 KiB.
        options.set_max_packet_size(target.size + ENVELOPE, target.size + ENVELOPE);
        if let Some((user, password)) = &target.login {
            options.set_credentials(user, password);
        }
        if let Some(authority) = &target.authority {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(self.tls(authority)?)));
        }
        Ok(options)
    }

    fn tls(&self, authority: &str) -> Outcome<Arc<ClientConfig>> {
        if let Some(made) = self.tls.get() {
            return Ok(made.clone());
        }
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&fs::read(authority)?)?)?;
        let made = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
        Ok(self.tls.get_or_init(|| made).clone())
    }

    /// Starts the task that polls, and waits until it says that the client is ready.
    fn polled(&self, event_loop: EventLoop, polling: Polling, back: Option<Back>) -> Outcome<JoinHandle<()>> {
        let (ready, is_ready) = oneshot::channel();
        let task = self.runtime.spawn(polling.poll(event_loop, ready, back));
        is_ready.blocking_recv().map_err(|_| "rumqttc's event loop has ended")??;
        Ok(task)
    }
}

impl Client for Rumqttc {
    fn writer(&self, target: &Target, window: usize) -> Outcome<Box<dyn Writer>> {
        let mut options = self.options(target)?;
        options.set_inflight(u16::try_from(window)?);
        let (client, event_loop) = new_client(options, window);
        let progress = Arc::new(Progress { room: Semaphore::new(window), problem: OnceLock::new() });
        let task = self.polled(event_loop, Polling::Writer(progress.clone()), Back::of(target, None))?;
        let (runtime, topic, qos) = (self.runtime.handle().clone(), target.topic.clone(), qos(target.qos));
        Ok(Box::new(AsyncWriter { runtime, client, task, topic, qos, window, progress }))
    }

    fn reader(&self, target: &Target, counts: Arc<Counts>) -> Outcome<Box<dyn Open>> {
        let (client, event_loop) = new_client(self.options(target)?, FEW);
        client.try_subscribe(&target.topic, qos(target.qos))?;
        let task = self.polled(event_loop, Polling::Reader(counts), Back::of(target, Some(&client)))?;
        Ok(Box::new(Reading { runtime: self.runtime.handle().clone(), client, task }))
    }
}

/// With TCP_NODELAY, as the others have it.
fn new_client(options: MqttOptions, channel: usize) -> (AsyncClient, EventLoop) {
    let (client, mut event_loop) = AsyncClient::new(options, channel);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    event_loop.set_network_options(network);
    (client, event_loop)
}

/// What a writer knows of its messages.
struct Progress {
    /// A permit for each message that may still be sent.
    room: Semaphore,
    /// Why no more can end.
    problem: OnceLock<String>,
}

/// How a client among many comes back after a lost connection: the next poll connects again.
struct Back {
    presence: Arc<Presence>,
    /// A clean session has no subscription: a reader subscribes again.
    subscription: Option<(AsyncClient, String, QoS)>,
}

impl Back {
    fn of(target: &Target, reader: Option<&AsyncClient>) -> Option<Back> {
        let subscription = reader.map(|client| (client.clone(), target.topic.clone(), qos(target.qos)));
        Some(Back { presence: target.presence.clone()?, subscription })
    }

    fn connected(&self, again: bool) -> Result<(), ClientError> {
        self.presence.connected();
        match &self.subscription {
            Some((client, topic, qos)) if again => client.try_subscribe(topic, *qos),
            _ => Ok(()),
        }
    }
}

/// What the event loop's task does with the events.
enum Polling {
    Writer(Arc<Progress>),
    Reader(Arc<Counts>),
}

impl Polling {
    /// Until the client has disconnected, or the connection is lost and it is not to come back. `ready` is told when it is
    /// connected and subscribed.
    async fn poll(self, mut event_loop: EventLoop, ready: oneshot::Sender<Outcome>, back: Option<Back>) {
        let mut ready = Some(ready);
        loop {
            let event = match event_loop.poll().await {
                Ok(event) => event,
                Err(error) => {
                    let problem = error.to_string();
                    match (ready.take(), &back) {
                        // Whoever waits is told, or does not wait any more.
                        (Some(ready), _) => return drop(ready.send(Err(problem.into()))),
                        (None, None) => return self.fail(&problem),
                        (None, Some(back)) => back.presence.lost(),
                    }
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            match (event, &self) {
                (Event::Outgoing(Outgoing::Disconnect), _) => return,
                // At QoS 0 a message has no confirmation: it ends when it is sent.
                (
                    Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_)) | Event::Outgoing(Outgoing::Publish(0)),
                    Polling::Writer(progress),
                ) => progress.room.add_permits(1),
                (Event::Incoming(Packet::Publish(message)), Polling::Reader(counts)) => {
                    counts.add(message.payload.len());
                }
                (Event::Incoming(Packet::ConnAck(_)), _) => {
                    if let Some(Err(error)) = back.as_ref().map(|back| back.connected(ready.is_none())) {
                        return self.fail(&error.to_string());
                    }
                    if matches!(self, Polling::Writer(_)) {
                        tell(&mut ready);
                    }
                }
                (Event::Incoming(Packet::SubAck(_)), _) => tell(&mut ready),
                _ => {}
            }
        }
    }

    fn fail(&self, problem: &str) {
        match self {
            Polling::Writer(progress) => {
                let _ = progress.problem.set(problem.to_owned());
                progress.room.close();
            }
            Polling::Reader(counts) => counts.fail(problem),
        }
    }
}

/// Whoever waits is told, or does not wait any more.
fn tell(ready: &mut Option<oneshot::Sender<Outcome>>) {
    if let Some(ready) = ready.take() {
        let _ = ready.send(Ok(()));
    }
}

struct AsyncWriter {
    runtime: Handle,
    client: AsyncClient,
    task: JoinHandle<()>,
    topic: String,
    qos: QoS,
    window: usize,
    progress: Arc<Progress>,
}

impl Open for AsyncWriter {
    fn close(self: Box<Self>) -> Outcome {
        self.runtime.block_on(disconnect(self.client, self.task))
    }
}

impl Writer for AsyncWriter {
    fn start(&self, value: &[u8]) -> Outcome {
        Ok(self.client.try_publish(&self.topic, self.qos, false, value)?)
    }

    fn write_for(&mut self, value: &[u8], time: Duration, into: &mut Measured) {
        let (client, topic, qos) = (self.client.clone(), self.topic.clone(), self.qos);
        let (value, progress, window) = (Bytes::copy_from_slice(value), self.progress.clone(), self.window);
        let writing = async move {
            let mut started = 0;
            let mut measured = Measured::default();
            let end = Instant::now() + time;
            while Instant::now() < end {
                // Closed when the event loop has ended.
                let Ok(permit) = progress.room.acquire().await else { break };
                permit.forget();
                match client.publish_bytes(&topic, qos, false, value.clone()).await {
                    Ok(()) => started += 1,
                    Err(error) => {
                        progress.room.add_permits(1);
                        measured.error(error);
                    }
                }
            }
            let all = progress.room.acquire_many(window as u32);
            let left = match tokio::time::timeout(PATIENCE, all).await {
                Ok(Ok(_)) => 0,
                _ => window - progress.room.available_permits(),
            };
            measured.messages = started - left as u64;
            for _ in 0..left {
                measured.error(progress.problem.get().map_or("some writes did not end", String::as_str));
            }
            measured
        };
        match self.runtime.block_on(self.runtime.spawn(writing)) {
            Ok(measured) => *into = measured,
            Err(error) => into.error(error),
        }
    }
}

struct Reading {
    runtime: Handle,
    client: AsyncClient,
    task: JoinHandle<()>,
}

impl Open for Reading {
    fn close(self: Box<Self>) -> Outcome {
        self.runtime.block_on(disconnect(self.client, self.task))
    }
}

async fn disconnect(client: AsyncClient, task: JoinHandle<()>) -> Outcome {
    client.disconnect().await?;
    Ok(task.await?)
}

fn qos(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

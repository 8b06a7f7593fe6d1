//! Tries the brokers of a service in steps: DNS, TCP, TLS, login, subscription, publication.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::advice::{self, Advice};
use super::outcome::Outcome;
use super::report::Report;
use super::understand::{Service, given};
use crate::cli::args::Check;
use crate::cli::failure::{Exit, Failure, Result, exit_of, reworded};
use crate::cli::stop::{Stop, Waited};
use crate::config::{Broker, Settings};
use crate::error::Error;
use crate::material::KeyMaterial;
use crate::metrics::now_us;
use crate::mqtt::ConnectionEvent;
use crate::mqtt::probe::Probe;
use crate::mqtt::steps::Step;
use crate::reader::RawReader;
use crate::wait::after;
use crate::writer::RawWriter;

/// A write of the check need not wait as long as a program's.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// The time that the published message has to come back.
const ROUND_TRIP: Duration = Duration::from_secs(3);

/// Tries every broker of the service. Returns the exit code of the first failure.
pub(super) fn check(service: &Service, options: &Check, stop: &Stop, report: &mut Report) -> Result<Exit> {
    let Ok(settings) = &service.settings else { return Ok(Exit::Done) };
    match (given(settings, "client_id"), options.service_client_id) {
        (Some(_), false) => report.note(
            "the check has a client id of its own, so as not to disturb a program that runs with the service's; a broker that \
             knows its clients by their ids may refuse it: --service-client-id takes the service's",
        )?,
        (Some(_), true) if settings.clean && keeps_for_a_while(settings) => {
            return Err(Failure::usage(
                "--service-client-id: with 'clean_start' a connection under the service's client id discards the session of its \
                 program, and without it leaves one behind for as long as 'session_expiry_interval' says; leave the option out, so \
                 that the check has a client id of its own",
            ));
        }
        (Some(id), true) => report.note(&format!(
            "the check connects as '{id}', the service's client id: a program that runs with it loses its connection"
        ))?,
        (None, true) => {
            return Err(Failure::usage("--service-client-id: the service has no 'client_id', so that each client has another"));
        }
        (None, false) => {}
    }
    if !options.no_publish && service.not_writable.is_none() {
        let topic = settings.topics.first().map_or("", String::as_str);
        report
            .note(&format!("a test message is published on '{topic}', once per broker; --no-publish leaves it out"))?;
    }
    let mut exit = Exit::Done;
    for broker in &settings.brokers {
        report.broker(&broker.to_string())?;
        let settings = harmless(settings, broker, options);
        let ended = Attempt { settings, broker, service, options, stop, report }.run()?;
        if let Some(asked) = stop.asked() {
            return Ok(asked);
        }
        if exit == Exit::Done {
            exit = ended;
        }
    }
    Ok(exit)
}

/// Returns whether the broker keeps the session after the connection has ended (MQTT 5).
fn keeps_for_a_while(settings: &Settings) -> bool {
    settings.connect_properties.session_expiry_interval.is_some_and(|seconds| seconds > 0)
}

/// Returns settings under which the check leaves no trace but its message: it neither takes over the session of a running
/// program, nor takes messages from the readers of a shared subscription.
fn harmless(settings: &Settings, broker: &Broker, options: &Check) -> Settings {
    let mut settings = settings.clone();
    settings.brokers = vec![broker.clone()];
    // Under the service's client identifier the session belongs to its program, so it stays as it is.
    if !options.service_client_id {
        settings.client_id = client_id();
        settings.clean = true;
        settings.connect_properties.session_expiry_interval = None;
    }
    settings.will = None;
    settings.automatic_reconnect = false;
    // The check reports the present problem instead of waiting for its end.
    settings.retry_first = Duration::ZERO;
    settings.retry_login = Duration::ZERO;
    settings.write_timeout = settings.write_timeout.min(WRITE_TIMEOUT);
    for topic in &mut settings.topics {
        if let Some((_, filter)) = topic.strip_prefix("$share/").and_then(|rest| rest.split_once('/')) {
            *topic = filter.to_owned();
        }
    }
    settings
}

/// Returns a unique client identifier: a second connection under the same one ends the first. MQTT 3.1 allows 23 characters.
fn client_id() -> String {
    format!("check-{}", &uuid::Uuid::new_v4().simple().to_string()[..16])
}

struct Attempt<'a> {
    settings: Settings,
    broker: &'a Broker,
    service: &'a Service,
    options: &'a Check,
    stop: &'a Stop,
    report: &'a mut Report,
}

impl Attempt<'_> {
    fn run(mut self) -> Result<Exit> {
        let exit = self.open()?;
        if exit != Exit::Done || self.stop.asked().is_some() {
            return Ok(exit);
        }
        if self.keeps_a_session() {
            let why = "the session of the service's client id, which the broker keeps, is left alone";
            self.report.step("subscribe", &Outcome::Skipped(why.into()))?;
            self.report.step("publish", &Outcome::Skipped(why.into()))?;
            return Ok(Exit::Done);
        }
        let (reader, subscribed) = self.subscribe()?;
        if self.stop.asked().is_some() {
            return Ok(subscribed);
        }
        let published = self.publish(reader.as_ref())?;
        Ok(if subscribed == Exit::Done { published } else { subscribed })
    }

    fn keeps_a_session(&self) -> bool {
        self.options.service_client_id && !self.settings.clean
    }

    fn open(&mut self) -> Result<Exit> {
        let began = Instant::now();
        // The runtime has the thread on which a token is asked for its key.
        let runtime = self.stop.runtime();
        let _inside = runtime.enter();
        let probe = match self.stop.wait(Probe::prepare(&self.settings), None) {
            Waited::Done(Ok(probe)) => probe,
            Waited::Stopped(exit) => return Ok(exit),
            Waited::TimedOut => return Ok(Exit::Connection),
            Waited::Done(Err(error)) => {
                let advice = advice::on_files(&error);
                self.report.step("TLS files", &Outcome::Failed(began.elapsed(), reworded(&error), advice))?;
                return Ok(Exit::Configuration);
            }
        };
        if let Some(key) = probe.signs_with() {
            self.report.note(&format!("the client signs with {key}"))?;
        }
        let probed = match self.stop.wait(runtime.spawn(probe.connect(self.broker.clone())), None) {
            Waited::Done(probed) => probed.map_err(|e| Error::Internal(format!("the attempt ended: {e}")))?,
            Waited::Stopped(exit) => return Ok(exit),
            Waited::TimedOut => return Ok(Exit::Connection),
        };
        for (step, time) in &probed.done {
            self.report.step(&step.to_string(), &Outcome::Ok(*time))?;
        }
        let Some((time, error)) = probed.failed else { return Ok(Exit::Done) };
        let step = next_step(probed.done.last().map(|(step, _)| *step), &self.settings);
        let mut advice = advice::on_opening(step, &error, &self.settings);
        if step == Step::Login
            && !self.options.service_client_id
            && let Ok(settings) = &self.service.settings
            && let Some(id) = given(settings, "client_id")
        {
            advice.remedy.push_str(&format!(
                "; the check's client id is '{}', and not '{id}', the service's: where the broker lets only some ids in, \
                 --service-client-id takes that one (a program that runs with it loses its connection)",
                self.settings.client_id
            ));
        }
        self.failed(&step.to_string(), time, &error, advice)
    }

    /// Opens a reader, which subscribes.
    fn subscribe(&mut self) -> Result<(Option<RawReader>, Exit)> {
        if let Some(why) = &self.service.not_readable {
            self.report.step("subscribe", &Outcome::Skipped(first_line(why)))?;
            return Ok((None, Exit::Done));
        }
        let connected = Arc::new(OnceLock::new());
        let listener = {
            let connected = connected.clone();
            move |event: &ConnectionEvent| {
                if let ConnectionEvent::Connected { .. } = event {
                    let _ = connected.set(Instant::now());
                }
            }
        };
        let began = Instant::now();
        let reader = RawReader::start(self.settings.clone(), &KeyMaterial::default(), None, Some(Box::new(listener)))?;
        let opened = match self.stop.wait(reader.client.opened(), None) {
            Waited::Done(opened) => opened,
            Waited::Stopped(exit) => return Ok((None, exit)),
            Waited::TimedOut => Ok(()),
        };
        let time = connected.get().unwrap_or(&began).elapsed();
        match opened {
            Ok(()) => {
                self.report.step("subscribe", &Outcome::Ok(time))?;
                if self.options.service_client_id {
                    // The next connection under this client identifier would end this one.
                    reader.client.begin_close();
                    let _ = self.stop.wait(reader.client.closed(), None);
                    return Ok((None, Exit::Done));
                }
                Ok((Some(reader), Exit::Done))
            }
            Err(error) => Ok((None, self.failed("subscribe", time, &error, advice::on_subscribing(&error))?)),
        }
    }

    /// Opens a writer, publishes a message, and waits for it to come back.
    fn publish(&mut self, reader: Option<&RawReader>) -> Result<Exit> {
        let skipped = match (&self.service.not_writable, self.options.no_publish) {
            (Some(why), _) => Some(first_line(why)),
            (None, true) => Some("--no-publish".into()),
            (None, false) => None,
        };
        if let Some(why) = skipped {
            self.report.step("publish", &Outcome::Skipped(why))?;
            return Ok(Exit::Done);
        }
        // The message is not retained, because it would replace a program's. It uses no outbox, which belongs to the program.
        let mut settings = Settings { retain: false, outbox: None, ..self.settings.clone() };
        if !self.options.service_client_id {
            settings.client_id = client_id();
        }
        let writer = RawWriter::start(settings, &KeyMaterial::default(), None, None)?;
        let opened = match self.stop.wait(writer.client.opened(), None) {
            Waited::Done(opened) => opened,
            Waited::Stopped(exit) => return Ok(exit),
            Waited::TimedOut => Ok(()),
        };
        let began = Instant::now();
        let message = format!("sinetstream check {}", uuid::Uuid::new_v4().simple());
        let written = opened.and_then(|()| {
            let mut write = writer.write_with(None, message.len(), now_us(), |place| {
                place.copy_from_slice(message.as_bytes());
                Ok::<_, Error>(())
            })?;
            loop {
                if let Some(result) = write.wait_until(Some(after(Duration::from_millis(20)))) {
                    return result;
                }
                if self.stop.asked().is_some() {
                    return Ok(());
                }
            }
        });
        let time = began.elapsed();
        if let Err(error) = written {
            return self.failed("publish", time, &error, advice::on_publishing(&error));
        }
        if let Some(exit) = self.stop.asked() {
            return Ok(exit);
        }
        self.report.step("publish", &Outcome::Ok(time))?;
        let _ = self.stop.wait(writer.close(), None);
        match reader {
            Some(reader) => self.receive(reader, message.as_bytes(), began),
            None => Ok(Exit::Done),
        }
    }

    /// Waits for the message to come back.
    fn receive(&mut self, reader: &RawReader, message: &[u8], began: Instant) -> Result<Exit> {
        let deadline = after(ROUND_TRIP);
        let outcome = loop {
            match self.stop.wait(reader.client.receive(), Some(deadline)) {
                Waited::Done(Ok(delivery)) => {
                    reader.client.taken(delivery.number);
                    let decoded = reader.decode(&delivery.publish.payload, &delivery.publish.topic);
                    if decoded.is_ok_and(|decoded| decoded.payload == message) {
                        break Outcome::Ok(began.elapsed());
                    }
                }
                Waited::Done(Err(error)) => {
                    return self.failed("receive", began.elapsed(), &error, advice::on_subscribing(&error));
                }
                Waited::Stopped(exit) => return Ok(exit),
                Waited::TimedOut => break Outcome::Doubtful(advice::on_silence()),
            }
        };
        self.report.step("receive", &outcome)?;
        reader.client.begin_close();
        let _ = self.stop.wait(reader.client.closed(), None);
        Ok(Exit::Done)
    }

    fn failed(&mut self, step: &str, time: Duration, error: &Error, advice: Advice) -> Result<Exit> {
        self.report.step(step, &Outcome::Failed(time, reworded(error), advice))?;
        Ok(match exit_of(error) {
            Exit::Failed => Exit::Connection,
            exit => exit,
        })
    }
}

/// Returns the step after this one, under these settings.
fn next_step(done: Option<Step>, settings: &Settings) -> Step {
    let transport = if settings.web_socket.is_some() { Step::WebSocket } else { Step::Login };
    match done {
        None if settings.brokers.iter().all(|broker| broker.socket().is_some()) => Step::Socket,
        None => Step::Dns,
        Some(Step::Dns) => Step::Tcp,
        Some(Step::Tcp) if is_proxied(settings) => Step::Proxy,
        Some(Step::Tcp | Step::Proxy) if settings.tls.is_some() => Step::Tls,
        Some(Step::Tcp | Step::Proxy | Step::Socket | Step::Tls) => transport,
        Some(Step::WebSocket | Step::Login) => Step::Login,
    }
}

/// Whether the only broker is reached through a proxy.
fn is_proxied(settings: &Settings) -> bool {
    settings.proxy.as_ref().is_some_and(|proxy| settings.brokers.iter().all(|broker| proxy.serves(broker)))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

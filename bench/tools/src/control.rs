//! Tells a writer how many messages have arrived at the other side: over a connection, with a line for each question.
//!
//! `reset` is answered by `0 0`; `wait N` by the count and the microseconds since the last arrival, when N messages have
//! arrived or none has for some time.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;

/// When no message has come for this long, the rest counts as lost.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// The number of messages that have arrived.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, messages: u64) {
        self.0.fetch_add(messages, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn wait(&self, wanted: u64) -> Arrived {
        let mut arrived = self.get();
        let mut last = Instant::now();
        while arrived < wanted && last.elapsed() < PATIENCE {
            thread::sleep(LOOK_AGAIN);
            let now = self.get();
            if now != arrived {
                arrived = now;
                last = Instant::now();
            }
        }
        let idle = if arrived < wanted { last.elapsed() } else { Duration::ZERO };
        Arrived { messages: arrived, idle }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    pub messages: u64,
    /// The time in which no message had come; zero if all came.
    pub idle: Duration,
}

/// Answers questions about a counter, without end.
pub fn serve(listener: &TcpListener, counter: &Arc<Counter>) -> Outcome {
    loop {
        let (stream, _) = listener.accept()?;
        let counter = counter.clone();
        // A connection ends when the asking side closes it.
        thread::spawn(move || answer(&stream, &counter));
    }
}

fn answer(stream: &TcpStream, counter: &Counter) -> io::Result<()> {
    stream.set_nodelay(true)?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let arrived = match line.strip_prefix("wait ").map(str::parse) {
            Some(Ok(wanted)) => counter.wait(wanted),
            _ => {
                counter.0.store(0, Ordering::Relaxed);
                Arrived { messages: 0, idle: Duration::ZERO }
            }
        };
        let mut stream = stream;
        stream.write_all(format!("{} {}\n", arrived.messages, arrived.idle.as_micros()).as_bytes())?;
    }
    Ok(())
}

/// The asking side of the connection.
pub struct Control(BufReader<TcpStream>);

impl Control {
    pub fn connect(address: &str) -> Outcome<Control> {
        let stream = TcpStream::connect(address).map_err(|e| format!("control connection to {address}: {e}"))?;
        stream.set_nodelay(true)?;
        Ok(Control(BufReader::new(stream)))
    }

    pub fn reset(&mut self) -> Outcome {
        self.ask("reset").map(|_| ())
    }

    /// Waits until this many messages have arrived, or no more come.
    pub fn wait(&mut self, messages: u64) -> Outcome<Arrived> {
        self.ask(&format!("wait {messages}"))
    }

    fn ask(&mut self, question: &str) -> Outcome<Arrived> {
        self.0.get_mut().write_all(format!("{question}\n").as_bytes())?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let (messages, micros) = line.trim().split_once(' ').ok_or("the control connection was closed")?;
        Ok(Arrived { messages: messages.parse()?, idle: Duration::from_micros(micros.parse()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let counter = Arc::new(Counter::default());
        let served = counter.clone();
        thread::spawn(move || serve(&listener, &served));

        let mut control = Control::connect(&address).unwrap();
        counter.add(7);
        assert_eq!(control.wait(7).unwrap(), Arrived { messages: 7, idle: Duration::ZERO });
        control.reset().unwrap();
        counter.add(1);
        let arrived = control.wait(2).unwrap();
        assert_eq!(arrived.messages, 1);
        assert!(arrived.idle >= PATIENCE);
    }
}

//! A network between client and broker that fails on a test's request.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::eventually;

/// Forwards connections to a port of this machine. Dropping it cuts them.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
    acceptor: Option<JoinHandle<()>>,
}

struct State {
    target: u16,
    stopping: AtomicBool,
    /// Whether new connections are closed at once.
    closed: AtomicBool,
    /// Whether forwarding is stopped.
    stalled: AtomicBool,
    /// Whether forwarding from the broker to the client is stopped.
    answers_stalled: AtomicBool,
    /// Whether the next forwarded piece is cut in its middle, and the connection with it.
    truncate: AtomicBool,
    /// The delay of every piece, in milliseconds.
    delay_ms: AtomicUsize,
    sockets: Mutex<Vec<TcpStream>>,
    accepted: AtomicUsize,
}

impl Proxy {
    pub fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State {
            target,
            stopping: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            answers_stalled: AtomicBool::new(false),
            truncate: AtomicBool::new(false),
            delay_ms: AtomicUsize::new(0),
            sockets: Mutex::default(),
            accepted: AtomicUsize::new(0),
        });
        let acceptor = std::thread::spawn({
            let state = state.clone();
            move || state.accept(&listener)
        });
        Proxy { port, state, acceptor: Some(acceptor) }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns how many connections were forwarded.
    pub fn connections(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// Cuts every connection; returns true if there was one.
    pub fn cut(&self) -> bool {
        let sockets = std::mem::take(&mut *self.state.sockets.lock().expect("sockets"));
        sockets.iter().for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
        !sockets.is_empty()
    }

    /// Refuses new connections until `open`, and cuts the existing ones.
    pub fn close(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Closes, and waits until the client has noticed.
    pub fn cut_off(&self, is_connected: impl Fn() -> bool) {
        self.close();
        eventually("the loss is noticed", || !is_connected());
    }

    pub fn open(&self) {
        self.state.closed.store(false, Ordering::SeqCst);
    }

    pub fn stall(&self, stalled: bool) {
        self.state.stalled.store(stalled, Ordering::SeqCst);
    }

    pub fn stall_answers(&self, stalled: bool) {
        self.state.answers_stalled.store(stalled, Ordering::SeqCst);
    }

    pub fn truncate(&self) {
        self.state.truncate.store(true, Ordering::SeqCst);
    }

    pub fn delay(&self, delay: Duration) {
        self.state.delay_ms.store(delay.as_millis() as usize, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::SeqCst);
        self.state.stalled.store(false, Ordering::SeqCst);
        self.state.answers_stalled.store(false, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.cut();
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl State {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let mut pumps: Vec<JoinHandle<()>> = Vec::new();
        for client in listener.incoming() {
            if self.stopping.load(Ordering::SeqCst) {
                break;
            }
            pumps.retain(|pump| !pump.is_finished());
            let Ok(client) = client else { continue };
            if self.closed.load(Ordering::SeqCst) {
                continue;
            }
            let Ok(broker) = TcpStream::connect(("127.0.0.1", self.target)) else { continue };
            self.accepted.fetch_add(1, Ordering::SeqCst);
            for socket in [&client, &broker] {
                let _ = socket.set_nodelay(true);
                self.sockets.lock().expect("sockets").push(socket.try_clone().expect("clone"));
            }
            let back = (broker.try_clone().expect("clone"), client.try_clone().expect("clone"));
            for ((from, to), answers) in [((client, broker), false), (back, true)] {
                let state = self.clone();
                pumps.push(std::thread::spawn(move || state.pump(from, to, answers)));
            }
        }
        self.sockets.lock().expect("sockets").iter().for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
        pumps.into_iter().for_each(|pump| drop(pump.join()));
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, answers: bool) {
        let stalled = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            while stalled(&self.stalled) || answers && stalled(&self.answers_stalled) {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(self.delay_ms.load(Ordering::SeqCst) as u64));
            let truncate = length > 1 && self.truncate.swap(false, Ordering::SeqCst);
            let length = if truncate { length / 2 } else { length };
            if to.write_all(&buffer[..length]).is_err() || truncate {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

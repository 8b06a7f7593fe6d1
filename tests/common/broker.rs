//! Starts a Mosquitto for a test, configured as the user guide says.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::certificates::{self, Certificate};
use super::{PATIENCE, holds_within};

/// The users of every broker, with their passwords.
pub const USERS: [(&str, &str); 3] = [("user01", "user01-pass"), ("user02", "user02-pass"), ("user03", "user03-pass")];

const ACL: &str = "user user01\ntopic write acl/#\nuser user02\ntopic read acl/#\nuser user03\ntopic readwrite acl/#\n";

/// A running Mosquitto. It is stopped when dropped, also when the test program is killed.
pub struct Broker {
    dir: TempDir,
    /// The listener that everybody may connect to.
    pub plain: u16,
    /// The listener that requires a password.
    pub login: u16,
    /// The listener with TLS that requires a password.
    pub tls: u16,
    /// The listener that requires a password and has access rights as in the user guide: `user01` writes, `user02` reads,
    /// `user03` does both, on topics below `acl/`.
    pub acl: u16,
    /// The listener with TLS and the lines of [`Broker::start_with_listener`].
    pub further: u16,
    /// The WebSocket listener that everybody may connect to; it and those below belong to [`Broker::start_everywhere`].
    pub ws: u16,
    /// The WebSocket listener with TLS that requires a password.
    pub wss: u16,
    /// The listeners with TLS that take a client certificate as the login: over TCP, then over WebSocket.
    pub certificate: u16,
    pub wss_certificate: u16,
    listener: String,
    everywhere: bool,
    process: Option<Process>,
}

struct Process {
    shell: Child,
    mosquitto: String,
}

impl Broker {
    pub fn start() -> Broker {
        Broker::start_with(certificates::server(), "")
    }

    /// Starts a broker with another certificate, or with further lines of configuration.
    pub fn start_with(certificate: &Certificate, extra: &str) -> Broker {
        Broker::start_all(certificate, extra, "", false)
    }

    /// Starts a broker that also has listeners for WebSocket and client certificates.
    pub fn start_everywhere() -> Broker {
        Broker::start_all(certificates::server(), "", "", true)
    }

    /// Starts a broker with a further listener for TLS, to which these lines of configuration apply.
    pub fn start_with_listener(certificate: &Certificate, lines: &str) -> Broker {
        Broker::start_all(certificate, "", lines, false)
    }

    fn start_all(certificate: &Certificate, extra: &str, listener: &str, everywhere: bool) -> Broker {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("write");
        write("ca.pem", &certificates::authority().pem);
        write("server.pem", &certificate.pem);
        write("server.key", &certificate.key_pem);
        write("passwords", password_file());
        write("acl", ACL);
        let mut broker = Broker {
            dir,
            plain: 0,
            login: 0,
            tls: 0,
            acl: 0,
            further: 0,
            ws: 0,
            wss: 0,
            certificate: 0,
            wss_certificate: 0,
            listener: listener.into(),
            everywhere,
            process: None,
        };
        // Another process may take a free port before Mosquitto binds it, so there are several tries.
        for _ in 0..10 {
            [broker.plain, broker.login, broker.tls, broker.acl, broker.further] = free_ports();
            [broker.ws, broker.wss, broker.certificate, broker.wss_certificate] = free_ports();
            fs::write(broker.file("mosquitto.conf"), broker.configuration(extra)).expect("write");
            if broker.launch() {
                return broker;
            }
        }
        panic!("Mosquitto does not start:\n{}", broker.log());
    }

    fn configuration(&self, extra: &str) -> String {
        // Without a bound of its queues, Mosquitto cuts the connection of a client that may not publish.
        let mut text = format!(
            "user root\nlog_dest stderr\nlog_type all\nper_listener_settings true\nmax_queued_messages 1000000\n\
             persistence_location {}/\n{extra}\n",
            self.dir.path().display()
        );
        // From 2.1 on, Mosquitto cuts the connection of a client that sends more than 2 MB; before, there is no limit.
        if is_from_2_1() && !extra.contains("max_packet_size") {
            text.push_str("max_packet_size 268435455\n");
        }
        let file = |name: &str| self.file(name).display().to_string();
        let [ca, certificate, key] = ["ca.pem", "server.pem", "server.key"].map(file);
        let everybody = "allow_anonymous true".to_owned();
        let password = format!("allow_anonymous false\npassword_file {}", file("passwords"));
        let tls = format!("cafile {ca}\ncertfile {certificate}\nkeyfile {key}");
        let over_tls = format!("{tls}\n{password}\nrequire_certificate false");
        let certificate =
            format!("{tls}\nallow_anonymous false\nrequire_certificate true\nuse_identity_as_username true");
        let mut listeners = vec![
            (self.plain, everybody.clone()),
            (self.login, password.clone()),
            (self.tls, over_tls.clone()),
            (self.acl, format!("{password}\nacl_file {}", file("acl"))),
        ];
        if !self.listener.is_empty() {
            listeners.push((self.further, format!("{tls}\n{}", self.listener)));
        }
        if self.everywhere {
            let ws = "protocol websockets";
            listeners.extend([
                (self.ws, format!("{ws}\n{everybody}")),
                (self.wss, format!("{ws}\n{over_tls}")),
                (self.certificate, certificate.clone()),
                (self.wss_certificate, format!("{ws}\n{certificate}")),
            ]);
        }
        for (port, lines) in listeners {
            let _ = writeln!(text, "listener {port} 127.0.0.1\n{lines}");
        }
        text
    }

    /// Starts Mosquitto; returns false if it ended at once. The shell in between ends Mosquitto as soon as its own input ends,
    /// so no broker remains however this process ends.
    fn launch(&mut self) -> bool {
        const SCRIPT: &str = r#""$1" -c "$2" >"$3" 2>&1 </dev/null & echo $!; read -r signal
            kill -CONT $! 2>/dev/null; kill -"${signal:-KILL}" $! 2>/dev/null; wait"#;
        // The log of an earlier start must not be taken for that of this one.
        fs::write(self.file("mosquitto.log"), "").expect("write");
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(program("mosquitto"))
            .arg(self.file("mosquitto.conf"))
            .arg(self.file("mosquitto.log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh");
        let mut mosquitto = String::new();
        BufReader::new(shell.stdout.take().expect("stdout")).read_line(&mut mosquitto).expect("the process id");
        let process = Process { shell, mosquitto: mosquitto.trim().to_owned() };
        let mut running = false;
        holds_within(PATIENCE, || {
            running = self.log().contains(" running\n");
            running || !process.is_alive()
        });
        match running {
            true => self.process = Some(process),
            false => process.end("KILL"),
        }
        running
    }

    /// Returns `host:port` of the listener for everybody.
    pub fn plain_address(&self) -> String {
        format!("localhost:{}", self.plain)
    }

    /// Returns `host:port` of the listener with a password.
    pub fn login_address(&self) -> String {
        format!("localhost:{}", self.login)
    }

    /// Returns `host:port` of the listener with TLS and a password.
    pub fn tls_address(&self) -> String {
        format!("localhost:{}", self.tls)
    }

    /// Returns `host:port` of the listener with access rights.
    pub fn acl_address(&self) -> String {
        format!("localhost:{}", self.acl)
    }

    /// Returns `host:port` of the WebSocket listener for everybody.
    pub fn ws_address(&self) -> String {
        format!("localhost:{}", self.ws)
    }

    /// Returns `host:port` of the WebSocket listener with TLS and a password.
    pub fn wss_address(&self) -> String {
        format!("localhost:{}", self.wss)
    }

    /// Returns `host:port` of the listener where a certificate is the login.
    pub fn certificate_address(&self) -> String {
        format!("localhost:{}", self.certificate)
    }

    /// Returns `host:port` of the WebSocket listener where a certificate is the login.
    pub fn wss_certificate_address(&self) -> String {
        format!("localhost:{}", self.wss_certificate)
    }

    /// Returns `host:port` of the listener of [`Broker::start_with_listener`].
    pub fn further_address(&self) -> String {
        format!("localhost:{}", self.further)
    }

    /// Returns the path of the certificate of the run's authority.
    pub fn ca(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// Returns the path of a file in the broker's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file into the broker's folder.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, text).expect("write");
        path
    }

    /// Returns the log of Mosquitto since its last start. Protocol versions are shown as before 2.1, by the level that is sent:
    /// p1 is now p3, p2 is p4.
    pub fn log(&self) -> String {
        let log = fs::read(self.file("mosquitto.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).replace(" (p3, ", " (p1, ").replace(" (p4, ", " (p2, ")
    }

    /// Returns how many connections the broker has accepted since its last start.
    pub fn connections(&self) -> usize {
        self.log().matches("New connection from ").count()
    }

    /// Changes a user's password in the file; it takes effect with [`Broker::reload`].
    pub fn change_password(&self, user: &str, password: &str) {
        mosquitto_passwd(&self.file("passwords"), user, password);
    }

    /// Sends SIGHUP, so that Mosquitto reads the password file again.
    pub fn reload(&self) {
        let before = self.log().matches("Reloading config.").count();
        self.signal("HUP");
        super::eventually("the broker reloads", || self.log().matches("Reloading config.").count() > before);
    }

    /// Sends SIGSTOP: connections are accepted, but nothing is answered.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Sends SIGCONT, which ends [`Broker::freeze`].
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Sends SIGTERM, for an orderly end.
    pub fn stop(&mut self) {
        self.end("TERM");
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    /// Starts the broker again on the same ports, after `stop` or `kill`.
    pub fn restart(&mut self) {
        self.end("TERM");
        // No other process is likely to take the ports, but the system may still hold them for a moment.
        let up = holds_within(PATIENCE, || self.launch());
        assert!(up, "Mosquitto does not start again:\n{}", self.log());
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("Mosquitto runs");
        let status = Command::new("kill").arg(format!("-{signal}")).arg(&process.mosquitto).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -{signal}");
    }

    fn end(&mut self, signal: &str) {
        if let Some(process) = self.process.take() {
            process.end(signal);
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("---- the end of Mosquitto's log\n{}\n----", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
        self.end("KILL");
    }
}

impl Process {
    fn is_alive(&self) -> bool {
        // A zombie process has an empty command line.
        fs::read(Path::new("/proc").join(&self.mosquitto).join("cmdline")).is_ok_and(|line| !line.is_empty())
    }

    fn end(mut self, signal: &str) {
        if let Some(mut input) = self.shell.stdin.take() {
            let _ = writeln!(input, "{signal}");
        }
        let _ = self.shell.wait();
    }
}

/// Returns ports of the loopback interface that are free at the moment.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

/// Returns the text of the password file; it is made only once, because every hash takes its time.
fn password_file() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("passwords");
        fs::write(&path, "").expect("write");
        USERS.iter().for_each(|(user, password)| mosquitto_passwd(&path, user, password));
        fs::read_to_string(&path).expect("read")
    })
}

fn mosquitto_passwd(file: &Path, user: &str, password: &str) {
    let output = Command::new(program("mosquitto_passwd")).arg("-b").arg(file).args([user, password]).output();
    let output = output.expect("mosquitto_passwd");
    assert!(output.status.success(), "mosquitto_passwd: {output:?}");
}

pub fn is_from_2_1() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let output = Command::new(program("mosquitto")).arg("-h").output().expect("mosquitto -h");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.lines().next().and_then(|line| line.strip_prefix("mosquitto version ")).expect("a version");
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().expect("a number"));
        (numbers.next(), numbers.next()) >= (Some(2), Some(1))
    })
}

/// Returns the path of a program; Mosquitto is often not on the PATH of ordinary users.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed"))
}

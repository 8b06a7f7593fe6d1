//! Tests client keys in a token of PKCS #11: SoftHSM, through the spy of OpenSC, which logs every call, or through a
//! misbehaving module of the tests' own (tests/data/unwilling.c).
//!
//! A module reads its environment when it is initialized, which is once in a process. So each test runs in a process of its
//! own, with a token of its own.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::common;
use crate::common::broker::Broker;
use crate::common::certificates::{Authority, authority, server};
use crate::common::process::{own_test, passes};
use crate::common::{
    PATIENCE, connection_timeout, eventually, holds_within, next, pkcs11_module, quickly, reader, told, within,
    write_own, writer,
};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use sinetstream::config::{Map, Value};
use sinetstream::{MessageWriter, Result};

const PIN: &str = "s3cr3t-pin";
const OWN: &str = "TEST_TOKEN_FOLDER";
/// Every client with a certificate of the run's authority may connect; the certificate gives the user name.
const BY_CERTIFICATE: &str = "allow_anonymous false\nrequire_certificate true\nuse_identity_as_username true";

fn spy() -> PathBuf {
    pkcs11_module("pkcs11-spy.so")
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; 'make deps' installs it"));
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// A token with the label `test`.
struct Token(PathBuf);

impl Token {
    /// Returns the token of this test; `None` in the process that only starts the one in which the test runs.
    fn of(test: &str) -> Option<Token> {
        if let Some(folder) = std::env::var_os(OWN) {
            return Some(Token(folder.into()));
        }
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("tokens")).expect("a folder");
        let configuration = format!("directories.tokendir = {}\n", folder.path().join("tokens").display());
        write_own(&folder.path().join("softhsm2.conf"), configuration);
        let mut own = own_test(module_path!(), test);
        own.env(OWN, folder.path());
        own.env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf"));
        own.env("TEST_TOKEN_MODULE", pkcs11_module("libsofthsm2.so"));
        own.env("PKCS11SPY", pkcs11_module("libsofthsm2.so")).env("PKCS11SPY_OUTPUT", folder.path().join("spy.log"));
        passes(&mut own);
        None
    }

    /// Returns the path of the misbehaving module.
    fn unwilling(&self) -> String {
        let module = self.0.join("unwilling.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/unwilling.c");
        run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&module).arg(source).arg("-ldl"));
        std::fs::set_permissions(&module, std::fs::Permissions::from_mode(0o700)).expect("chmod");
        module.to_str().expect("UTF-8").to_owned()
    }

    /// Returns how often this function of the misbehaving module was called.
    fn calls(&self, function: &str) -> usize {
        let calls = std::fs::read_to_string(self.0.join("calls")).unwrap_or_default();
        calls.lines().filter(|line| *line == function).count()
    }

    /// Makes the function hang until the returned value is dropped.
    fn hangs(&self, function: &str) -> Hanging {
        let file = self.0.join(format!("hang-{function}"));
        std::fs::write(&file, "").expect("write");
        Hanging(file)
    }

    fn init(self, label: &str) -> Token {
        let arguments = ["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "s3cr3t-so"];
        run(Command::new("softhsm2-util").args(arguments));
        self
    }

    /// Puts a private key without its public half into the token.
    fn key(&self, label: &str, id: &str, key_pem: &str) {
        self.import(label, id, key_pem, &["--no-public-key"]);
    }

    /// Puts both halves of a key into the token.
    fn pair(&self, label: &str, id: &str, key_pem: &str) {
        self.import(label, id, key_pem, &[]);
    }

    fn import(&self, label: &str, id: &str, key_pem: &str, others: &[&str]) {
        let file = self.0.join("key.pem");
        write_own(&file, key_pem);
        let arguments = ["--token", "test", "--label", label, "--id", id, "--pin", PIN, "--import"];
        run(Command::new("softhsm2-util").args(others).args(arguments).arg(&file));
    }

    fn certificate(&self, label: &str, id: &str, pem: &str) {
        let [pem_file, der] = ["certificate.pem", "certificate.der"].map(|name| self.0.join(name));
        write_own(&pem_file, pem);
        run(Command::new("openssl").args(["x509", "-outform", "DER", "-in"]).arg(&pem_file).arg("-out").arg(&der));
        let arguments =
            ["--token-label", "test", "--login", "--pin", PIN, "--type", "cert", "--label", label, "--id", id];
        let mut tool = Command::new("pkcs11-tool");
        run(tool.arg("--module").arg(pkcs11_module("libsofthsm2.so")).args(arguments).arg("--write-object").arg(&der));
    }

    /// Puts a key with its certificate, both labelled `client`, into the token.
    fn login(&self, id: &str) {
        let key_pem = p256();
        self.key("client", id, &key_pem);
        self.certificate("client", id, &authority().sign_client_key("client", &key_pem).pem);
    }

    /// Returns how often a login was tried.
    fn logins(&self) -> usize {
        let log = std::fs::read_to_string(self.0.join("spy.log")).unwrap_or_default();
        log.lines().filter(|line| line.ends_with(": C_Login")).count()
    }
}

/// Some modules fail if they are called while the process ends.
#[cfg(target_os = "linux")]
impl Drop for Token {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            eventually("the end of the thread", || threads("sinetstream-key") == 0);
        }
    }
}

struct Hanging(PathBuf);

impl Drop for Hanging {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Makes a private key with OpenSSL.
fn key(algorithm: &[&str]) -> String {
    let output = Command::new("openssl").arg("genpkey").args(algorithm).output().expect("openssl");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("PEM")
}

fn p256() -> String {
    key(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
}

fn pkcs11<const N: usize>(others: [(&str, &str); N]) -> Map {
    let mut map: Map = others.into_iter().collect();
    for (name, value) in [("module", spy().display().to_string()), ("pin", PIN.into())] {
        if map.get(name).is_none() {
            map.insert(name, value);
        }
    }
    map
}

/// Returns a key of every type.
fn keys() -> [(&'static str, String); 4] {
    [
        ("rsa", key(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])),
        ("p256", p256()),
        ("p384", key(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"])),
        ("ed25519", key(&["-algorithm", "ED25519"])),
    ]
}

fn without_pin() -> Map {
    [("module", spy().display().to_string())].into_iter().collect()
}

fn tls(pkcs11: Map) -> Map {
    let mut tls = Map::new();
    tls.insert("ca_certs_data", authority().pem.as_str());
    tls.insert("pkcs11", pkcs11);
    tls
}

fn open(address: String, tls: Map) -> Result<MessageWriter<str>> {
    within(PATIENCE, move || writer("replaced", "t").parameter("brokers", address).parameter("tls", tls).open())
}

/// Checks that opening fails without a broker: the error must be found before connecting.
fn refused(pkcs11: Map, variant: &str, words: &[&str]) {
    let message = told(open("127.0.0.1:1".into(), tls(pkcs11)), variant, words);
    assert!(message.contains("'tls.pkcs11"), "{message}");
    assert!(!message.contains("s3cr3t") && !message.contains("0000"), "a PIN is shown: {message}");
}

#[test]
fn a_key_of_every_kind_logs_in_with_both_versions_of_tls() {
    let Some(token) = Token::of("a_key_of_every_kind_logs_in_with_both_versions_of_tls") else { return };
    let token = token.init("test");
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    let between = authority().sign_authority("in between");
    let kinds = keys();
    token.certificate("between", "ff", &between.pem);
    for (number, (kind, key_pem)) in kinds.iter().enumerate() {
        let id = format!("0{}", number + 1);
        token.key(kind, &id, key_pem);
        // The broker gets the intermediate certificate from the token, too.
        token.certificate(kind, &id, &between.sign_client_key(&format!("{kind} in the token"), key_pem).pem);
        let file = authority().sign_client_key(&format!("{kind} in a file"), key_pem).pem;
        for version in ["TLSv1.2", "TLSv1.3"] {
            let by_label = tls(pkcs11([("token", "test"), ("label", kind)]));
            let mut by_id = tls(pkcs11([("id", id.as_str())]));
            by_id.insert("certfile_data", file.as_str());
            for mut tls in [by_label, by_id] {
                tls.insert("tls_version", version);
                let opened = reader::<String>(&address, "t").parameter("tls", tls.clone()).open();
                let reader = opened.unwrap_or_else(|e| panic!("{kind}, {version}: {e}"));
                open(address.clone(), tls).expect("a writer").write(kind).expect("write");
                assert_eq!(next(&reader).into_value(), *kind);
            }
        }
        for name in [format!("{kind} in the token"), format!("{kind} in a file")] {
            eventually(&name, || broker.log().contains(&format!("u'{name}'")));
        }
    }
}

#[test]
fn a_wrong_pin_is_tried_once() {
    let Some(token) = Token::of("a_wrong_pin_is_tried_once") else { return };
    let token = token.init("test");
    token.key("client", "01", &p256());
    refused(
        pkcs11([("pin", "0000-wrong")]),
        "InvalidConfiguration",
        &[".pin'", "'test' refuses the PIN", "tried once"],
    );
    assert_eq!(token.logins(), 1);
    for _ in 0..5 {
        refused(pkcs11([("pin", "0000-wrong")]), "InvalidConfiguration", &["has refused this PIN before"]);
    }
    assert_eq!(token.logins(), 1);
    // A different PIN may be right.
    let certificate = authority().sign_client("somebody else").pem;
    let with_certificate = |map: Map| {
        let mut tls = tls(map);
        tls.insert("certfile_data", certificate.as_str());
        open("127.0.0.1:1".into(), tls)
    };
    told(with_certificate(pkcs11([])), "InvalidConfiguration", &["does not belong to the key 'client' (id 01)"]);
    assert_eq!(token.logins(), 2);
    let file = token.0.join("pin");
    write_own(&file, format!("{PIN}\n"));
    let from_file: Map =
        [("module", spy().display().to_string()), ("pin_file", file.display().to_string())].into_iter().collect();
    told(with_certificate(from_file), "InvalidConfiguration", &["does not belong to the key"]);
}

/// The token counts all failed tries together.
#[test]
fn a_pin_that_has_failed_in_whatever_way_is_not_tried_through_another_module_either() {
    let Some(token) = Token::of("a_pin_that_has_failed_in_whatever_way_is_not_tried_through_another_module_either")
    else {
        return;
    };
    let token = token.init("test");
    let first = token.unwilling();
    let second = token.0.join("second.so");
    std::fs::copy(&first, &second).expect("copy");
    let second = second.to_str().expect("UTF-8");
    let answer = |number: u32| write_own(&token.0.join("answer-C_Login"), number.to_string());
    // The answer is CKR_DEVICE_REMOVED, before the token has seen the PIN.
    answer(0x32);
    for _ in 0..2 {
        refused(pkcs11([("module", first.as_str())]), "Io", &["C_Login: CKR_DEVICE_REMOVED"]);
    }
    let before = token.calls("C_Login");
    // The answers are CKR_FUNCTION_FAILED and CKR_PIN_INCORRECT.
    for (pin, number, variant, word) in [
        ("0000-first", 0x6, "Io", "C_Login: CKR_FUNCTION_FAILED"),
        ("0000-second", 0xa0, "InvalidConfiguration", "refuses the PIN"),
    ] {
        answer(number);
        let before = token.calls("C_Login");
        refused(pkcs11([("module", first.as_str()), ("pin", pin)]), variant, &[word]);
        for module in [first.as_str(), second] {
            let words = [".pin'", "has refused this PIN before (C_Login: CKR_"];
            refused(pkcs11([("module", module), ("pin", pin)]), "InvalidConfiguration", &words);
        }
        assert_eq!(token.calls("C_Login"), before + 1, "{pin}");
    }
    assert_eq!(token.calls("C_Login"), before + 2);
}

#[test]
fn clients_share_a_login_and_no_pin_but_the_right_one_gets_into_it() {
    let Some(token) = Token::of("clients_share_a_login_and_no_pin_but_the_right_one_gets_into_it") else { return };
    let token = token.init("test");
    token.login("01");
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    let clients: Vec<_> = (0..3).map(|_| open(address.clone(), tls(pkcs11([]))).expect("a writer")).collect();
    assert_eq!(token.logins(), 1);
    refused(
        pkcs11([("pin", "0000-other")]),
        "InvalidConfiguration",
        &["logged in to the token 'test' with another PIN"],
    );
    refused(
        without_pin(),
        "InvalidConfiguration",
        &["logged in to the token 'test' with a PIN", "this client has none"],
    );
    assert_eq!(token.logins(), 1);
    drop(clients);
}

/// Opens a session as another part of the same process might, which has initialized the module itself.
fn foreign() -> Session {
    let module = Pkcs11::new(spy()).expect("the module");
    let _ = module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    let slot = module.get_slots_with_initialized_token().expect("slots")[0];
    module.open_ro_session(slot).expect("a session")
}

#[test]
fn beside_a_login_of_somebody_else_in_the_process_no_pin_is_needed_and_none_is_tried() {
    let Some(token) = Token::of("beside_a_login_of_somebody_else_in_the_process_no_pin_is_needed_and_none_is_tried")
    else {
        return;
    };
    let token = token.init("test");
    token.login("01");
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    refused(pkcs11([("pin", "0000-wrong")]), "InvalidConfiguration", &["refuses the PIN"]);
    let foreign = foreign();
    foreign.login(UserType::User, Some(&AuthPin::new(PIN.into()))).expect("login");
    let before = token.logins();
    for map in [without_pin(), pkcs11([("pin", "0000-wrong")]), pkcs11([("pin", "0000-other")]), pkcs11([])] {
        open(address.clone(), tls(map)).expect("a writer").write("x").expect("write");
    }
    assert_eq!(token.logins(), before);
    foreign.logout().expect("logout");
    refused(without_pin(), "InvalidConfiguration", &["'test' needs its PIN"]);
    refused(pkcs11([("pin", "0000-wrong")]), "InvalidConfiguration", &["has refused this PIN before"]);
    assert_eq!(token.logins(), before);
}

#[test]
fn a_session_that_is_gone_is_opened_again() {
    let Some(token) = Token::of("a_session_that_is_gone_is_opened_again") else { return };
    let token = token.init("test");
    token.login("01");
    let mut broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    let reconnect: Value = [("automatic_reconnect", true)].into();
    let builder = writer::<str>("replaced", "t").parameter("brokers", address).parameter("tls", tls(pkcs11([])));
    let client =
        builder.parameter("connect", reconnect).parameter("reconnect_delay", quickly()).open().expect("a writer");
    client.write("before").expect("write");
    foreign().logout().expect("logout");
    broker.kill();
    broker.restart();
    client.write("after").expect("write");
    assert_eq!(token.logins(), 2);
}

#[test]
fn what_is_missing_is_told_with_what_is_there() {
    let Some(token) = Token::of("what_is_missing_is_told_with_what_is_there") else { return };
    let token = token.init("test");
    refused(pkcs11([("token", "other")]), "InvalidConfiguration", &[".token'", "these: 'test' (serial '"]);
    refused(without_pin(), "InvalidConfiguration", &["'test' needs its PIN", "'pin' or 'pin_file'"]);
    assert_eq!(token.logins(), 0);
    refused(pkcs11([]), "InvalidConfiguration", &["no such private key in the token 'test'; it has these: none"]);
    token.key("first", "01", &p256());
    refused(
        pkcs11([]),
        "InvalidConfiguration",
        &["'first' (id 01), EC on P-256", "no certificate of it", "'certfile'"],
    );
    token.key("second", "02", &key(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]));
    refused(pkcs11([]), "InvalidConfiguration", &["several private keys fit", "'first' (id 01)", "'second' (id 02)"]);
    refused(pkcs11([("label", "third")]), "InvalidConfiguration", &[".label'", "'first' (id 01)", "'second' (id 02)"]);
    refused(pkcs11([("id", "03")]), "InvalidConfiguration", &[".id'", "'first' (id 01)"]);
    refused(pkcs11([("id", "02")]), "InvalidConfiguration", &["'second' (id 02) can't be used", "P-256 or P-384"]);
    token.certificate("first", "01", &authority().sign_client("somebody else").pem);
    refused(
        pkcs11([("id", "01")]),
        "InvalidConfiguration",
        &["the certificate in the token with its id is of another key"],
    );
}

#[test]
fn a_file_with_more_than_the_pin_costs_no_try() {
    let Some(token) = Token::of("a_file_with_more_than_the_pin_costs_no_try") else { return };
    let token = token.init("test");
    let file = token.0.join("pin");
    let of_file = |file: &Path| -> Map {
        [("module", spy().display().to_string()), ("pin_file", file.display().to_string())].into_iter().collect()
    };
    for (text, words) in [
        ("", "the file is empty"),
        ("\u{feff}s3cr3t-pin\n", "begins with a byte order mark"),
        ("s3cr3t-pin \n", "begins or ends with a blank"),
        ("s3cr3t-pin\r\r\n", "more than one line"),
        ("s3cr3t-pin\n\n", "more than one line"),
        ("s3cr3t-pin\ns3cr3t-so\n", "more than one line"),
    ] {
        write_own(&file, text);
        refused(of_file(&file), "InvalidConfiguration", &[".pin_file'", words]);
    }
    refused(pkcs11([("pin", "s3cr3t-pin\n")]), "InvalidConfiguration", &[".pin'", "a line break"]);
    // If everybody may read the folder, as usual, the advice must not be to close it to others.
    let folder = token.0.join("folder");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).expect("chmod");
    refused(of_file(&folder), "Io", &[".pin_file'", "it is not a regular file, but a folder"]);
    refused(of_file(Path::new("/dev/null")), "Io", &[".pin_file'", "it is not a regular file"]);
    for module in [folder.as_path(), Path::new("/dev/null")] {
        let module = module.to_str().expect("UTF-8");
        refused(pkcs11([("module", module)]), "Io", &[".module'", "can't be read: it is not a regular file"]);
    }
    for name in ["keyfile", "certfile"] {
        let mut tls: Map = [("certfile_data", authority().pem.as_str())].into_iter().collect();
        tls.insert(name, folder.display().to_string());
        let tls = match name {
            "certfile" => [(name, folder.display().to_string())].into_iter().collect(),
            _ => tls,
        };
        let words = [name, "it is not a regular file, but a folder"];
        told(open("127.0.0.1:1".into(), tls), "Io", &words);
    }
    assert_eq!(token.logins(), 0);
}

#[test]
fn a_module_that_can_not_be_used_says_why() {
    let Some(token) = Token::of("a_module_that_can_not_be_used_says_why") else { return };
    refused(pkcs11([("module", "/nonexistent/p11.so")]), "Io", &[".module'", "/nonexistent/p11.so", "can't be read"]);
    let file = token.0.join("text.so");
    write_own(&file, "text");
    let path = file.display().to_string();
    let map = pkcs11([("module", &path)]);
    let message = told(open("127.0.0.1:1".into(), tls(map)), "Io", &[".module'", "can't be loaded"]);
    assert_eq!(message.matches(&path).count(), 1, "{message}");
    refused(pkcs11([]), "Io", &["there is no token"]);
}

#[test]
fn of_several_tokens_one_has_to_be_named() {
    let Some(token) = Token::of("of_several_tokens_one_has_to_be_named") else { return };
    let _token = token.init("test").init("test").init("third");
    refused(pkcs11([]), "InvalidConfiguration", &["several tokens fit", "'serial'", "'test' (serial '", "'third'"]);
    refused(
        pkcs11([("token", "test")]),
        "InvalidConfiguration",
        &[".token'", "several tokens fit", "'test' (serial '"],
    );
    refused(pkcs11([("token", "third")]), "InvalidConfiguration", &["in the token 'third'; it has these: none"]);
}

/// A module is code of this process.
#[test]
fn a_module_that_others_can_write_is_not_loaded() {
    let Some(token) = Token::of("a_module_that_others_can_write_is_not_loaded") else { return };
    let module = token.0.join("module.so");
    std::fs::copy(pkcs11_module("libsofthsm2.so"), &module).expect("copy");
    let set_mode = |file: &Path, mode| {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).expect("chmod");
    };
    set_mode(&module, 0o666);
    let named = || pkcs11([("module", module.to_str().expect("UTF-8"))]);
    refused(named(), "InvalidConfiguration", &[".module'", "can be written by everybody", "loaded into the program"]);
    set_mode(&module, 0o644);
    refused(named(), "Io", &["there is no token"]);
    // Anybody who can write the configuration can name another module.
    let config = token.0.join("config.yml");
    let text =
        format!("s:\n  type: mqtt\n  brokers: 127.0.0.1:1\n  tls: {{pkcs11: {{module: {}}}}}\n", module.display());
    write_own(&config, text);
    set_mode(&config, 0o666);
    let open = || MessageWriter::<str>::builder().config_file(&config).service("s").topic("t").open();
    told(open(), "InvalidConfiguration", &["can be written by everybody", "names a library"]);
    set_mode(&config, 0o600);
    told(open(), "Io", &["config.yml:4", "'tls.pkcs11'", "there is no token"]);
}

#[cfg(feature = "cli")]
#[test]
fn the_command_says_which_key_it_has_found() {
    let Some(token) = Token::of("the_command_says_which_key_it_has_found") else { return };
    let token = token.init("test");
    token.login("0a");
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let config = token.0.join("config.yml");
    let check = |pin: &str| {
        let text = format!(
            "s:\n  type: mqtt\n  brokers: 127.0.0.1:{}\n  topic: t\n  tls:\n    ca_certs: {}\n    pkcs11:\n      module: {}\n      pin: {pin}\n",
            broker.further,
            broker.ca().display(),
            spy().display()
        );
        write_own(&config, text);
        common::command::run(["check", "--verbose", "--config", config.to_str().expect("UTF-8")])
    };
    let ended = check(PIN).expect(0);
    let text = ended.text();
    assert!(
        text.contains("the client signs with the key 'client' (id 0a), EC on P-256, in the token 'test'"),
        "{text}"
    );
    assert!(text.contains("whose key is in a token") && text.contains("pin: ****") && !text.contains(PIN), "{text}");
    let ended = check("0000-wrong").expect(3);
    let text = ended.text();
    assert!(text.contains("config.yml:9") && text.contains("refuses the PIN") && text.contains("lock"), "{text}");
    assert!(!text.contains("0000"), "{text}");
}

#[test]
fn a_certificate_in_a_file_must_be_the_keys() {
    let Some(token) = Token::of("a_certificate_in_a_file_must_be_the_keys") else { return };
    let token = token.init("test");
    let key_pem = p256();
    token.key("client", "01", &key_pem);
    let other = Authority::new("another").pem;
    let own = authority().sign_client_key("client", &key_pem).pem;
    for (chain, hint) in [(other.clone(), ""), (format!("{other}{own}"), "the client's own must come first")] {
        let mut tls = tls(pkcs11([]));
        tls.insert("certfile_data", chain);
        let words = ["'tls.certfile_data'", "the certificate does not belong to the key 'client' (id 01)", hint];
        told(open("127.0.0.1:1".into(), tls), "InvalidConfiguration", &words);
    }
}

/// Returns how many threads of this process have this name.
#[cfg(target_os = "linux")]
fn threads(name: &str) -> usize {
    common::process::threads().get(name).copied().unwrap_or_default()
}

/// Checks that a client with a token that hangs in this function fails to open, and that nothing is left behind.
fn a_token_that_hangs_in(token: &Token, module: &str, function: &str, address: &str) {
    let hanging = token.hangs(function);
    let named = || tls(pkcs11([("module", module)]));
    let mut message = String::new();
    let expected = format!("did not answer within 500ms; it is still at {function}");
    // On a busy machine the time-out may come before the token is called, and an attempt that gives up ends its session.
    holds_within(PATIENCE, || {
        let builder = writer::<str>(address, "t").parameter("tls", named());
        let opened = within(PATIENCE, move || builder.parameter("connect", connection_timeout(0.5)).open());
        message = opened.err().map(|e| e.to_string()).unwrap_or_default();
        message.contains(&expected)
    });
    assert!(message.contains(&expected) && !message.contains("s3cr3t"), "{message}");
    // An attempt that is given up waits for nothing, neither for the connection's time-out of 30 seconds nor for the token.
    let opening = writer::<str>(address, "t").parameter("tls", named()).open_async();
    within(PATIENCE, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let given_up = runtime.block_on(async { tokio::time::timeout(Duration::from_millis(50), opening).await });
        assert!(given_up.is_err(), "the token has answered");
    });
    drop(hanging);
}

#[test]
fn a_token_that_does_not_answer_holds_up_nobody_for_longer_than_the_time_out() {
    let Some(token) = Token::of("a_token_that_does_not_answer_holds_up_nobody_for_longer_than_the_time_out") else {
        return;
    };
    let token = token.init("test");
    token.login("01");
    let module = token.unwilling();
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    for function in ["C_GetTokenInfo", "C_Login", "C_Sign"] {
        a_token_that_hangs_in(&token, &module, function, &address);
        #[cfg(target_os = "linux")]
        eventually("the end of the thread", || threads("sinetstream-key") == 0);
    }
    // A token that answers again works as before.
    open(address, tls(pkcs11([("module", module.as_str())]))).expect("a writer").write("x").expect("write");
}

#[test]
fn a_token_that_hangs_while_a_client_comes_back_hinders_neither_writes_nor_its_close() {
    let Some(token) = Token::of("a_token_that_hangs_while_a_client_comes_back_hinders_neither_writes_nor_its_close")
    else {
        return;
    };
    let token = token.init("test");
    token.login("01");
    let module = token.unwilling();
    let mut broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    let builder = writer::<str>("replaced", "t").parameter("brokers", address);
    let builder = builder.parameter("tls", tls(pkcs11([("module", module.as_str())])));
    let times: Value = [("automatic_reconnect", Value::from(true)), ("connection_timeout", 3.0.into())].into();
    let (events, told) = std::sync::mpsc::channel();
    let builder = builder.parameter("connect", times).parameter("reconnect_delay", quickly());
    let builder = builder.parameter("write_timeout_ms", 300).parameter("close_timeout_ms", 300);
    let client = builder
        .on_connection_event(move |event| {
            let _ = events.send(format!("{event:?}"));
        })
        .open()
        .expect("a writer");
    client.write("before").expect("write");
    let signatures = token.calls("C_Sign");
    let hanging = token.hangs("C_Sign");
    broker.kill();
    broker.restart();
    eventually("a signature", || token.calls("C_Sign") > signatures);
    // The error of an attempt names the token as the cause.
    let words = "the token 'test' did not answer within 3s; it is still at C_Sign";
    within(PATIENCE, move || while !told.recv().expect("events").contains(words) {});
    within(PATIENCE, move || {
        assert!(client.write("meanwhile").is_err(), "the token has answered");
        let _ = client.close();
    });
    drop(hanging);
    #[cfg(target_os = "linux")]
    eventually("the end of the thread", || threads("sinetstream-key") == 0);
}

#[test]
fn of_several_certificates_of_a_key_one_that_is_valid_now_is_shown() {
    let Some(token) = Token::of("of_several_certificates_of_a_key_one_that_is_valid_now_is_shown") else { return };
    let token = token.init("test");
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    let key_pem = p256();
    token.key("client", "01", &key_pem);
    token.certificate("old", "01", &authority().sign_expired_client_key("old", &key_pem).pem);
    // As the only certificate it is used, and the broker decides.
    let (events, warned) = std::sync::mpsc::channel();
    let builder = writer::<str>(&address, "t").parameter("tls", tls(pkcs11([])));
    let builder = builder.on_connection_event(move |event| {
        let _ = events.send(format!("{event:?}"));
    });
    let opened = within(PATIENCE, move || builder.open());
    told(opened, "Connection", &["the client's certificate"]);
    let words = "the client's certificate has expired: it was valid until 2020-01-01 00:00:00 UTC";
    within(PATIENCE, move || while !warned.recv().expect("a warning").contains(words) {});
    token.certificate("new", "01", &authority().sign_client_key("new", &key_pem).pem);
    token.certificate("older", "01", &authority().sign_expired_client_key("older", &key_pem).pem);
    open(address, tls(pkcs11([]))).expect("a writer").write("x").expect("write");
    eventually("the login", || broker.log().contains("u'new'"));
}

#[test]
fn an_authority_that_has_only_the_name_of_the_issuer_is_not_shown() {
    let Some(token) = Token::of("an_authority_that_has_only_the_name_of_the_issuer_is_not_shown") else { return };
    let token = token.init("test");
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    // The first of these comes first in the token's order; the second one has signed.
    let [before, between, behind] = [0; 3].map(|_| authority().sign_authority("in between"));
    token.certificate("before", "fd", &before.pem);
    token.certificate("between", "fe", &between.pem);
    token.certificate("behind", "ff", &behind.pem);
    let key_pem = p256();
    token.key("client", "01", &key_pem);
    token.certificate("client", "01", &between.sign_client_key("client", &key_pem).pem);
    open(address, tls(pkcs11([]))).expect("a writer").write("x").expect("write");
}

/// A signature of the token may require its owner's touch.
#[test]
fn a_token_that_has_the_public_half_signs_for_the_connection_only() {
    let Some(token) = Token::of("a_token_that_has_the_public_half_signs_for_the_connection_only") else { return };
    let token = token.init("test");
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    let module = token.unwilling();
    let kinds = keys();
    for (number, (kind, key_pem)) in kinds.iter().enumerate() {
        let id = format!("0{}", number + 1);
        token.pair(kind, &id, key_pem);
        token.certificate(kind, &id, &authority().sign_client_key(kind, key_pem).pem);
        let before = token.calls("C_Sign");
        let map = pkcs11([("module", module.as_str()), ("label", kind)]);
        let client = open(address.clone(), tls(map)).expect("a writer");
        client.write("x").expect("write");
        assert_eq!(token.calls("C_Sign") - before, 1, "{kind}");
    }
    // An unrelated public key that is left over under the same id costs only one more signature.
    let key_pem = p256();
    token.key("replaced", "05", &key_pem);
    token.pair("left over", "06", &p256());
    let change = ["--token-label", "test", "--login", "--pin", PIN, "--type", "pubkey", "--id", "06", "--set-id", "05"];
    run(Command::new("pkcs11-tool").arg("--module").arg(pkcs11_module("libsofthsm2.so")).args(change));
    token.certificate("replaced", "05", &authority().sign_client_key("replaced", &key_pem).pem);
    let map = pkcs11([("module", module.as_str()), ("label", "replaced")]);
    open(address, tls(map)).expect("a writer").write("x").expect("write");
}

#[test]
fn a_key_without_a_label_and_one_that_makes_no_signature_for_the_broker_are_told_as_such() {
    let Some(token) =
        Token::of("a_key_without_a_label_and_one_that_makes_no_signature_for_the_broker_are_told_as_such")
    else {
        return;
    };
    let token = token.init("test");
    let module = token.unwilling();
    let key_pem = key(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    token.key("", "01", &key_pem);
    let named = || pkcs11([("module", module.as_str())]);
    refused(named(), "InvalidConfiguration", &["the key without a label (id 01), RSA of 2048 bits", "no certificate"]);
    token.certificate("client", "01", &authority().sign_client_key("client", &key_pem).pem);
    // The token supports only CKM_RSA_PKCS.
    write_own(&token.0.join("mechanism"), "1");
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    for (version, works) in [("TLSv1.3", false), ("TLSv1.2", true)] {
        let mut tls = tls(named());
        tls.insert("tls_version", version);
        match works {
            true => open(address.clone(), tls).expect("a writer").write("x").expect("write"),
            false => {
                told(open(address.clone(), tls), "Connection", &["none of the kinds of signatures", "without PSS"]);
            }
        }
    }
}

/// Returns a writer that reconnects when its broker is back, and the reports of its attempts.
fn coming_back(address: &str, pkcs11: Map) -> (MessageWriter<str>, std::sync::mpsc::Receiver<String>) {
    let (events, told) = std::sync::mpsc::channel();
    let reconnect: Value = [("automatic_reconnect", true)].into();
    let builder = writer::<str>(address, "t").parameter("tls", tls(pkcs11)).parameter("connect", reconnect);
    let builder = builder.parameter("reconnect_delay", quickly()).on_connection_event(move |event| {
        let _ = events.send(format!("{event:?}"));
    });
    (within(PATIENCE, move || builder.open()).expect("a writer"), told)
}

#[test]
fn a_token_that_is_taken_out_and_put_back_is_logged_in_to_again() {
    let Some(token) = Token::of("a_token_that_is_taken_out_and_put_back_is_logged_in_to_again") else { return };
    let token = token.init("test");
    token.login("01");
    let module = token.unwilling();
    let mut broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    let (client, told) = coming_back(&address, pkcs11([("module", module.as_str())]));
    client.write("before").expect("write");
    let before = token.calls("C_Login");
    // The answers are CKR_DEVICE_REMOVED and CKR_TOKEN_NOT_PRESENT.
    let answers = [("C_Sign", "50"), ("C_GetTokenInfo", "224")];
    answers.iter().for_each(|(name, number)| write_own(&token.0.join(format!("answer-{name}")), number));
    broker.kill();
    broker.restart();
    let words = "the token 'test' is not there; is the card or device in?";
    let told = within(PATIENCE, move || {
        while !told.recv().expect("events").contains(words) {}
        told
    });
    assert_eq!(token.calls("C_Login"), before);
    answers.iter().for_each(|(name, _)| std::fs::remove_file(token.0.join(format!("answer-{name}"))).expect("remove"));
    client.write("after").expect("write");
    assert_eq!(token.calls("C_Login"), before + 1);
    drop((client, told));
}

#[test]
fn sessions_that_somebody_else_has_closed_are_opened_again() {
    let Some(token) = Token::of("sessions_that_somebody_else_has_closed_are_opened_again") else { return };
    let token = token.init("test");
    token.login("01");
    let mut broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    let module = token.unwilling();
    let (client, _told) = coming_back(&address, pkcs11([("module", module.as_str())]));
    client.write("before").expect("write");
    write_own(&token.0.join("close-all"), "");
    broker.kill();
    broker.restart();
    client.write("after").expect("write");
    assert!(!token.0.join("close-all").exists());
    assert_eq!(token.calls("C_Login"), 2);
}

#[test]
fn a_pin_that_is_locked_or_has_one_try_left_is_not_tried() {
    let Some(token) = Token::of("a_pin_that_is_locked_or_has_one_try_left_is_not_tried") else { return };
    let token = token.init("test");
    token.login("01");
    let module = token.unwilling();
    let named = || pkcs11([("module", module.as_str())]);
    // The flags are CKF_USER_PIN_FINAL_TRY and CKF_USER_PIN_LOCKED.
    for (flag, words) in
        [(0x20000, "only one try left before it locks itself"), (0x40000, "is locked; its administrator")]
    {
        write_own(&token.0.join("flags"), format!("{flag}"));
        refused(named(), "InvalidConfiguration", &[".pin'", "the token 'test'", words]);
    }
    assert_eq!(token.calls("C_Login"), 0);
    std::fs::remove_file(token.0.join("flags")).expect("remove");
    // The answer is CKR_PIN_LOCKED, from a token that did not report it before.
    write_own(&token.0.join("answer-C_Login"), "164");
    refused(named(), "InvalidConfiguration", &[".pin'", "is locked; its administrator"]);
    refused(named(), "InvalidConfiguration", &["has refused this PIN before (C_Login: CKR_PIN_LOCKED)"]);
    assert_eq!(token.calls("C_Login"), 1);
}

#[test]
fn whoever_has_mistyped_the_pin_at_the_keypad_may_type_it_again() {
    let Some(token) = Token::of("whoever_has_mistyped_the_pin_at_the_keypad_may_type_it_again") else { return };
    let token = token.init("test");
    token.login("01");
    let module = token.unwilling();
    let at_the_keypad = || -> Map { [("module", module.as_str())].into_iter().collect() };
    // The flag is CKF_PROTECTED_AUTHENTICATION_PATH.
    write_own(&token.0.join("flags"), "256");
    for logins in 1..=2 {
        write_own(&token.0.join("keypad"), "0000-typed");
        let words = ["the token 'test' refuses the PIN that was typed at its keypad"];
        refused(at_the_keypad(), "InvalidConfiguration", &words);
        assert_eq!(token.calls("C_Login"), logins);
    }
    write_own(&token.0.join("keypad"), PIN);
    let broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    open(address, tls(at_the_keypad())).expect("a writer").write("x").expect("write");
}

/// Two modules do not know of each other's logins, which the token counts together.
#[test]
fn a_pin_whose_login_is_under_way_is_not_tried_through_another_module() {
    let Some(token) = Token::of("a_pin_whose_login_is_under_way_is_not_tried_through_another_module") else { return };
    let token = token.init("test");
    token.login("01");
    let module = token.unwilling();
    let wrong = |module: &str| tls(pkcs11([("module", module), ("pin", "0000-wrong")]));
    let hanging = token.hangs("C_Login");
    let tls_of_first = wrong(&module);
    let first = std::thread::spawn(move || open("127.0.0.1:1".into(), tls_of_first));
    eventually("a login", || token.calls("C_Login") == 1);
    let spy = spy().display().to_string();
    // The wait for the result of a login is no longer than that for an answer.
    let builder = writer::<str>("127.0.0.1:1", "t").parameter("tls", wrong(&spy));
    let second = within(PATIENCE, move || builder.parameter("connect", connection_timeout(0.5)).open());
    told(second, "Io", &["did not answer within 500ms"]);
    let tls_of_third = wrong(&spy);
    let third = std::thread::spawn(move || open("127.0.0.1:1".into(), tls_of_third));
    drop(hanging);
    told(first.join().expect("a thread"), "InvalidConfiguration", &["'test' refuses the PIN"]);
    told(third.join().expect("a thread"), "InvalidConfiguration", &["'test' has refused this PIN before"]);
    assert_eq!((token.calls("C_Login"), token.logins()), (1, 0));
}

/// A thread pool has a limit, at which the whole process would stand still.
#[cfg(target_os = "linux")]
#[test]
fn clients_that_wait_for_a_signature_hold_no_thread_each() {
    let Some(token) = Token::of("clients_that_wait_for_a_signature_hold_no_thread_each") else { return };
    const CLIENTS: usize = 40;
    let token = token.init("test");
    token.login("01");
    let module = token.unwilling();
    let mut broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let address = format!("127.0.0.1:{}", broker.further);
    let times: Value = [("automatic_reconnect", Value::from(true)), ("connection_timeout", 3.0.into())].into();
    let builder = || {
        let builder = writer::<str>(&address, "t").parameter("tls", tls(pkcs11([("module", module.as_str())])));
        builder.parameter("connect", times.clone()).parameter("reconnect_delay", quickly())
    };
    let (events, told) = std::sync::mpsc::channel();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let events = events.clone();
            let builder = builder().on_connection_event(move |event| {
                let _ = events.send((client, format!("{event:?}")));
            });
            within(PATIENCE, move || builder.open()).expect("a writer")
        })
        .collect();
    let hanging = token.hangs("C_Sign");
    broker.kill();
    broker.restart();
    // Each error names the token and the call in which it hangs, whether or not that attempt reached the signature.
    let words = "the token 'test' did not answer within 3s; it is still at C_Sign";
    let mut late = std::collections::BTreeSet::new();
    let mut most = 0;
    eventually("all errors", || {
        most = most.max(threads("sinetstream"));
        late.extend(told.try_iter().filter(|(_, event)| event.contains(words)).map(|(client, _)| client));
        late.len() == CLIENTS
    });
    assert!(most < CLIENTS / 2, "{most} threads while signatures are waited for");
    drop(hanging);
    clients.iter().for_each(|client| client.write("x").expect("write"));
}

#[test]
fn more_clients_than_the_runtime_has_threads_may_look_for_their_key() {
    let Some(token) = Token::of("more_clients_than_the_runtime_has_threads_may_look_for_their_key") else { return };
    // The pool has 512 threads.
    const CLIENTS: usize = 530;
    let token = token.init("test");
    token.login("01");
    let module = token.unwilling();
    let broker = Broker::start();
    let hanging = token.hangs("C_GetTokenInfo");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime");
    let begun = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let openings: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let builder = writer::<str>("127.0.0.1:1", "t").parameter("connect", connection_timeout(600.0));
            let opening = builder.parameter("tls", tls(pkcs11([("module", module.as_str())]))).open_async();
            let begun = begun.clone();
            runtime.spawn(async move {
                begun.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                opening.await.err()
            })
        })
        .collect();
    eventually("the beginning of all", || begun.load(std::sync::atomic::Ordering::Relaxed) == CLIENTS);
    eventually("a look at the token", || token.calls("C_GetTokenInfo") > 0);
    // A host name is resolved on a thread of that pool.
    let port = broker.plain_address().rsplit(':').next().expect("a port").to_owned();
    let other = within(PATIENCE, move || {
        writer::<str>("replaced", "t").parameter("brokers", format!("localhost:{port}")).open()
    });
    other.expect("a writer").write("x").expect("write");
    assert!(openings.iter().all(|opening| !opening.is_finished()), "the token has answered");
    drop(hanging);
    // The module must be idle before the process ends: destructors would remove data that its calls still need.
    for opening in openings {
        assert!(runtime.block_on(opening).expect("a task").is_some(), "nobody listens at the port");
    }
}

#[test]
fn a_key_that_is_renewed_in_the_token_is_found_by_a_client_that_comes_back() {
    let Some(token) = Token::of("a_key_that_is_renewed_in_the_token_is_found_by_a_client_that_comes_back") else {
        return;
    };
    let token = token.init("test");
    token.login("01");
    let mut broker = Broker::start_with_listener(server(), BY_CERTIFICATE);
    let (client, _told) = coming_back(&format!("127.0.0.1:{}", broker.further), pkcs11([]));
    client.write("before").expect("write");
    for kind in ["privkey", "cert"] {
        let arguments = ["--token-label", "test", "--login", "--pin", PIN, "--delete-object", "--type", kind];
        let mut tool = Command::new("pkcs11-tool");
        run(tool.arg("--module").arg(pkcs11_module("libsofthsm2.so")).args(arguments).args(["--id", "01"]));
    }
    token.login("01");
    broker.kill();
    broker.restart();
    within(PATIENCE, move || client.write("after")).expect("write");
}

//! Eclipse Paho's library for C, its asynchronous API (MQTTAsync), MQTT 3.1.1, keeping messages in memory, or where a row
//! says so in files; its limit of messages in flight is the row's window.
//!
//! The product has `unsafe` in `src/jni` only. This is a program that compares, and a C library cannot be called without.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use bench_tools::Outcome;
use bench_tools::measured::Measured;
use bench_tools::under_way::UnderWay;

use super::callbacks::{Context, Ready, Told};
use crate::client::{Client, Open, Writer};
use crate::reads::Counts;
use crate::target::Target;

pub const NAME: &str = "paho.mqtt.c";

const KEEP_ALIVE_SECONDS: c_int = 60;

pub struct PahoC;

impl Client for PahoC {
    fn writer(&self, target: &Target, window: usize) -> Outcome<Box<dyn Writer>> {
        let under_way = Arc::new(UnderWay::new(window));
        let handle = Handle::connected(target, window, Told::Writer(under_way.clone()))?;
        Ok(Box::new(AsyncWriter { handle, under_way, topic: CString::new(&*target.topic)?, qos: target.qos.into() }))
    }

    fn reader(&self, target: &Target, counts: Arc<Counts>) -> Outcome<Box<dyn Open>> {
        let handle = Handle::connected(target, 1, Told::Reader(counts))?;
        let topic = CString::new(&*target.topic)?;
        let mut response = ffi::ResponseOptions::new(on_ready, on_refused, handle.context.cast());
        // SAFETY: the client is open; topic and options live longer than the call, which copies them.
        succeeded("MQTTAsync_subscribe", unsafe {
            ffi::MQTTAsync_subscribe(handle.client, topic.as_ptr(), target.qos.into(), &mut response)
        })?;
        handle.wait_until_ready()?;
        Ok(Box::new(Reading(handle)))
    }
}

/// An open client.
struct Handle {
    client: ffi::Client,
    /// Lives as long as the client, whose callbacks use it; a pointer of `Box::into_raw`.
    context: *mut Context,
    ready: Ready,
}

// SAFETY: the library's functions may be called by any thread. The context is only shared with its own threads, and its
// parts may be used by several.
unsafe impl Send for Handle {}

impl Handle {
    fn connected(target: &Target, window: usize, told: Told) -> Outcome<Handle> {
        let scheme = if target.authority.is_some() { "ssl" } else { "tcp" };
        let uri = CString::new(format!("{scheme}://{}:{}", target.host, target.port))?;
        let id = CString::new(target.client_id())?;
        let (user, password) = match &target.login {
            Some((user, password)) => (Some(CString::new(&**user)?), Some(CString::new(&**password)?)),
            None => (None, None),
        };
        let authority = target.authority.as_deref().map(CString::new).transpose()?;
        let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());

        let folder = target.outbox.as_ref().map(|(_, folder)| CString::new(&**folder)).transpose()?;
        let persistence = if folder.is_some() { ffi::PERSISTENCE_DEFAULT } else { ffi::PERSISTENCE_NONE };
        let mut client = ptr::null_mut();
        // SAFETY: the texts live longer than the call, which copies them; the library does not write to the folder's name,
        // although the parameter is not constant.
        let created = unsafe {
            let folder = pointer(&folder).cast_mut().cast();
            ffi::MQTTAsync_create(&mut client, uri.as_ptr(), id.as_ptr(), persistence, folder)
        };
        succeeded("MQTTAsync_create", created)?;
        let (context, ready) = Context::new(told);
        let handle = Handle { client, context, ready };
        // SAFETY: the context lives until `drop` has destroyed the client; the callbacks have the types that the header says.
        succeeded("MQTTAsync_setCallbacks", unsafe {
            ffi::MQTTAsync_setCallbacks(client, context.cast(), on_lost, on_message, None)
        })?;
        let tls = ffi::TlsOptions {
            id: *b"MQTS",
            version: 2,
            authorities: pointer(&authority),
            certificate: ptr::null(),
            key: ptr::null(),
            key_password: ptr::null(),
            suites: ptr::null(),
            check_certificate: 1,
            tls_version: 0,
            check_host: 1,
            folder: ptr::null(),
        };
        let options = ffi::ConnectOptions {
            id: *b"MQTC",
            version: 4,
            keep_alive_seconds: KEEP_ALIVE_SECONDS,
            // A clean session would throw away what is in the files when it is opened again.
            clean_session: c_int::from(target.outbox.is_none()),
            max_inflight: c_int::try_from(window)?,
            will: ptr::null_mut(),
            user: pointer(&user),
            password: pointer(&password),
            connect_timeout_seconds: 20,
            retry_interval: 0,
            tls: if authority.is_some() { &tls } else { ptr::null() },
            on_success: on_ready,
            on_failure: on_refused,
            context: context.cast(),
            uri_count: 0,
            uris: ptr::null(),
            mqtt_version: ffi::MQTT_3_1_1,
            automatic_reconnect: 0,
            min_retry_interval: 1,
            max_retry_interval: 60,
        };
        // SAFETY: the options and what they point to live longer than the call, which copies them. The library looks at
        // no field that is newer than the version that they tell.
        succeeded("MQTTAsync_connect", unsafe { ffi::MQTTAsync_connect(client, &options) })?;
        handle.wait_until_ready()?;
        Ok(handle)
    }

    fn wait_until_ready(&self) -> Outcome {
        self.ready.wait(NAME)
    }

    fn disconnect(&self) -> Outcome {
        let options = ffi::DisconnectOptions {
            id: *b"MQTD",
            version: 0,
            timeout_ms: 1000,
            on_success: on_ready,
            on_failure: on_refused,
            context: self.context.cast(),
            properties: ffi::Properties::default(),
            reason: 0,
            on_success_5: None,
            on_failure_5: None,
        };
        // SAFETY: the client is open; the options live longer than the call, which copies them.
        succeeded("MQTTAsync_disconnect", unsafe { ffi::MQTTAsync_disconnect(self.client, &options) })?;
        self.wait_until_ready()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the client is open until here. After `MQTTAsync_destroy` no callback of it can run, so that nobody else has
        // the context.
        unsafe {
            ffi::MQTTAsync_destroy(&mut self.client);
            drop(Box::from_raw(self.context));
        }
    }
}

struct AsyncWriter {
    handle: Handle,
    under_way: Arc<UnderWay>,
    topic: CString,
    qos: c_int,
}

impl Open for AsyncWriter {
    fn close(self: Box<Self>) -> Outcome {
        self.handle.disconnect()
    }
}

impl Writer for AsyncWriter {
    fn start(&self, value: &[u8]) -> Outcome {
        let (size, bytes) = (c_int::try_from(value.len())?, value.as_ptr().cast());
        let mut response = ffi::ResponseOptions::new(on_sent, on_failed, self.handle.context.cast());
        // SAFETY: the client is open; topic, value and options live longer than the call, which copies them.
        succeeded("MQTTAsync_send", unsafe {
            let (client, topic) = (self.handle.client, self.topic.as_ptr());
            ffi::MQTTAsync_send(client, topic, size, bytes, self.qos, 0, &mut response)
        })
    }

    fn write_for(&mut self, value: &[u8], time: Duration, into: &mut Measured) {
        self.under_way.write_for(time, into, || self.start(value));
    }
}

struct Reading(Handle);

impl Open for Reading {
    fn close(self: Box<Self>) -> Outcome {
        self.0.disconnect()
    }
}

fn succeeded(what: &str, code: c_int) -> Outcome {
    if code == 0 { Ok(()) } else { Err(format!("{what}: {}", text(code)).into()) }
}

fn text(code: c_int) -> String {
    // SAFETY: the library returns a constant text, or null for a number that it does not know.
    let text = unsafe { ffi::MQTTAsync_strerror(code) };
    match text.is_null() {
        true => format!("code {code}"),
        // SAFETY: see above.
        false => unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned(),
    }
}

/// # Safety
/// `data` is what the library gives a callback of failures, or null.
unsafe fn failure(data: *const ffi::Failure) -> String {
    if data.is_null() {
        return "no reason was told".to_owned();
    }
    // SAFETY: not null, and it lives until the callback returns.
    text(unsafe { (*data).code })
}

extern "C" fn on_ready(object: *mut c_void, _: *mut c_void) {
    // SAFETY: the library gives the context.
    unsafe { Context::of(object) }.ended(Ok(()));
}

extern "C" fn on_refused(object: *mut c_void, data: *mut ffi::Failure) {
    // SAFETY: the library gives the context, and its own data.
    unsafe { Context::of(object).ended(Err(failure(data).into())) };
}

/// At QoS 0 it is called when the message is sent, at QoS 1 and 2 when it is confirmed.
extern "C" fn on_sent(object: *mut c_void, _: *mut c_void) {
    // SAFETY: the library gives the context.
    unsafe { Context::of(object) }.sent();
}

extern "C" fn on_failed(object: *mut c_void, data: *mut ffi::Failure) {
    // SAFETY: the library gives the context, and its own data.
    unsafe { Context::of(object).not_sent(failure(data)) };
}

extern "C" fn on_lost(object: *mut c_void, _: *mut c_char) {
    // SAFETY: the library gives the context.
    unsafe { Context::of(object) }.lost("the connection was lost");
}

extern "C" fn on_message(object: *mut c_void, topic: *mut c_char, _: c_int, mut message: *mut ffi::Message) -> c_int {
    // SAFETY: the library gives the context, and a message and a topic that are ours to free.
    unsafe {
        Context::of(object).received((*message).payload_size as usize);
        ffi::MQTTAsync_freeMessage(&mut message);
        ffi::MQTTAsync_free(topic.cast());
    }
    1 // The message is dealt with.
}

/// Of MQTTAsync.h, version 1.3 and later.
mod ffi {
    use super::{c_char, c_int, c_void, ptr};

    pub type Client = *mut c_void;

    pub const PERSISTENCE_DEFAULT: c_int = 0;
    pub const PERSISTENCE_NONE: c_int = 1;
    pub const MQTT_3_1_1: c_int = 4;

    type OnSuccess = extern "C" fn(*mut c_void, *mut c_void);
    type OnFailure = extern "C" fn(*mut c_void, *mut Failure);
    type OnLost = extern "C" fn(*mut c_void, *mut c_char);
    type OnMessage = extern "C" fn(*mut c_void, *mut c_char, c_int, *mut Message) -> c_int;
    type OnDelivery = extern "C" fn(*mut c_void, c_int);

    /// Properties of MQTT 5: none.
    #[repr(C)]
    pub struct Properties {
        count: c_int,
        max_count: c_int,
        length: c_int,
        array: *mut c_void,
    }

    impl Default for Properties {
        fn default() -> Properties {
            Properties { count: 0, max_count: 0, length: 0, array: ptr::null_mut() }
        }
    }

    #[repr(C)]
    pub struct SubscribeOptions {
        id: [u8; 4],
        version: c_int,
        no_local: u8,
        retain_as_published: u8,
        retain_handling: u8,
    }

    #[repr(C)]
    pub struct ResponseOptions {
        id: [u8; 4],
        version: c_int,
        on_success: OnSuccess,
        on_failure: OnFailure,
        context: *mut c_void,
        token: c_int,
        on_success_5: Option<OnSuccess>,
        on_failure_5: Option<OnFailure>,
        properties: Properties,
        subscribe_options: SubscribeOptions,
        subscribe_options_count: c_int,
        subscribe_options_list: *mut SubscribeOptions,
    }

    impl ResponseOptions {
        pub fn new(on_success: OnSuccess, on_failure: OnFailure, context: *mut c_void) -> ResponseOptions {
            ResponseOptions {
                id: *b"MQTR",
                version: 1,
                on_success,
                on_failure,
                context,
                token: 0,
                on_success_5: None,
                on_failure_5: None,
                properties: Properties::default(),
                subscribe_options: SubscribeOptions {
                    id: *b"MQSO",
                    version: 0,
                    no_local: 0,
                    retain_as_published: 0,
                    retain_handling: 0,
                },
                subscribe_options_count: 0,
                subscribe_options_list: ptr::null_mut(),
            }
        }
    }

    /// Up to the fields of version 2.
    #[repr(C)]
    pub struct TlsOptions {
        pub id: [u8; 4],
        pub version: c_int,
        pub authorities: *const c_char,
        pub certificate: *const c_char,
        pub key: *const c_char,
        pub key_password: *const c_char,
        pub suites: *const c_char,
        pub check_certificate: c_int,
        pub tls_version: c_int,
        pub check_host: c_int,
        pub folder: *const c_char,
    }

    /// Up to the fields of version 4.
    #[repr(C)]
    pub struct ConnectOptions {
        pub id: [u8; 4],
        pub version: c_int,
        pub keep_alive_seconds: c_int,
        pub clean_session: c_int,
        pub max_inflight: c_int,
        pub will: *mut c_void,
        pub user: *const c_char,
        pub password: *const c_char,
        pub connect_timeout_seconds: c_int,
        pub retry_interval: c_int,
        pub tls: *const TlsOptions,
        pub on_success: OnSuccess,
        pub on_failure: OnFailure,
        pub context: *mut c_void,
        pub uri_count: c_int,
        pub uris: *const *const c_char,
        pub mqtt_version: c_int,
        pub automatic_reconnect: c_int,
        pub min_retry_interval: c_int,
        pub max_retry_interval: c_int,
    }

    #[repr(C)]
    pub struct DisconnectOptions {
        pub id: [u8; 4],
        pub version: c_int,
        pub timeout_ms: c_int,
        pub on_success: OnSuccess,
        pub on_failure: OnFailure,
        pub context: *mut c_void,
        pub properties: Properties,
        pub reason: c_int,
        pub on_success_5: Option<OnSuccess>,
        pub on_failure_5: Option<OnFailure>,
    }

    #[repr(C)]
    pub struct Failure {
        pub token: c_int,
        pub code: c_int,
        pub message: *const c_char,
    }

    #[repr(C)]
    pub struct Message {
        pub id: [u8; 4],
        pub version: c_int,
        pub payload_size: c_int,
        pub payload: *mut c_void,
        pub qos: c_int,
        pub retained: c_int,
        pub duplicate: c_int,
        pub packet_id: c_int,
        pub properties: Properties,
    }

    #[link(name = "paho-mqtt3as")]
    unsafe extern "C" {
        pub fn MQTTAsync_create(
            client: *mut Client,
            uri: *const c_char,
            id: *const c_char,
            persistence: c_int,
            context: *mut c_void,
        ) -> c_int;
        pub fn MQTTAsync_setCallbacks(
            client: Client,
            context: *mut c_void,
            lost: OnLost,
            message: OnMessage,
            delivered: Option<OnDelivery>,
        ) -> c_int;
        pub fn MQTTAsync_connect(client: Client, options: *const ConnectOptions) -> c_int;
        pub fn MQTTAsync_disconnect(client: Client, options: *const DisconnectOptions) -> c_int;
        pub fn MQTTAsync_subscribe(
            client: Client,
            topic: *const c_char,
            qos: c_int,
            response: *mut ResponseOptions,
        ) -> c_int;
        pub fn MQTTAsync_send(
            client: Client,
            topic: *const c_char,
            size: c_int,
            payload: *const c_void,
            qos: c_int,
            retained: c_int,
            response: *mut ResponseOptions,
        ) -> c_int;
        pub fn MQTTAsync_freeMessage(message: *mut *mut Message);
        pub fn MQTTAsync_free(memory: *mut c_void);
        pub fn MQTTAsync_destroy(client: *mut Client);
        pub fn MQTTAsync_strerror(code: c_int) -> *const c_char;
    }
}

//! Mosquitto's library for C, MQTT 3.1.1, with its own thread (`mosquitto_loop_start`), as its manual advises for programs
//! with threads; its limit of messages in flight is the row's window.
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

pub const NAME: &str = "libmosquitto";

const KEEP_ALIVE_SECONDS: c_int = 60;

pub struct LibMosquitto(());

impl LibMosquitto {
    pub fn new() -> Outcome<LibMosquitto> {
        // SAFETY: nothing else of the library runs yet, since every other call needs a value of this type.
        succeeded("mosquitto_lib_init", unsafe { ffi::mosquitto_lib_init() })?;
        Ok(LibMosquitto(()))
    }
}

impl Client for LibMosquitto {
    fn writer(&self, target: &Target, window: usize) -> Outcome<Box<dyn Writer>> {
        let under_way = Arc::new(UnderWay::new(window));
        let handle = Handle::connected(target, window, Told::Writer(under_way.clone()))?;
        handle.wait_until_ready()?;
        Ok(Box::new(AsyncWriter { handle, under_way, topic: CString::new(&*target.topic)?, qos: target.qos.into() }))
    }

    fn reader(&self, target: &Target, counts: Arc<Counts>) -> Outcome<Box<dyn Open>> {
        let handle = Handle::connected(target, 1, Told::Reader(counts))?;
        handle.wait_until_ready()?;
        let topic = CString::new(&*target.topic)?;
        // SAFETY: the client is open, and the topic lives longer than the call, which copies it.
        succeeded("mosquitto_subscribe", unsafe {
            ffi::mosquitto_subscribe(handle.client, ptr::null_mut(), topic.as_ptr(), target.qos.into())
        })?;
        handle.wait_until_ready()?;
        Ok(Box::new(Reading(handle)))
    }
}

/// An open client.
struct Handle {
    client: *mut ffi::Mosquitto,
    /// Lives as long as the client, whose callbacks use it; a pointer of `Box::into_raw`.
    context: *mut Context,
    ready: Ready,
}

// SAFETY: the library's functions may be called by any thread while its own thread runs. The context is only shared with
// that thread, and its parts may be used by several.
unsafe impl Send for Handle {}

impl Handle {
    fn connected(target: &Target, window: usize, told: Told) -> Outcome<Handle> {
        let (context, ready) = Context::new(told);
        let id = CString::new(target.client_id())?;
        let host = CString::new(&*target.host)?;
        // SAFETY: the texts live longer than the calls, which copy them. The context lives until `drop` has destroyed the
        // client. The callbacks have the types that the header says.
        unsafe {
            let client = ffi::mosquitto_new(id.as_ptr(), true, context.cast());
            if client.is_null() {
                drop(Box::from_raw(context));
                return Err("mosquitto_new failed".into());
            }
            let handle = Handle { client, context, ready };
            ffi::mosquitto_connect_callback_set(client, on_connect);
            ffi::mosquitto_disconnect_callback_set(client, on_disconnect);
            ffi::mosquitto_publish_callback_set(client, on_publish);
            ffi::mosquitto_subscribe_callback_set(client, on_subscribe);
            ffi::mosquitto_message_callback_set(client, on_message);
            let window = c_int::try_from(window)?;
            succeeded("send maximum", ffi::mosquitto_int_option(client, ffi::SEND_MAXIMUM, window))?;
            succeeded("TCP_NODELAY", ffi::mosquitto_int_option(client, ffi::TCP_NODELAY, 1))?;
            if let Some((user, password)) = &target.login {
                let (user, password) = (CString::new(&**user)?, CString::new(&**password)?);
                let result = ffi::mosquitto_username_pw_set(client, user.as_ptr(), password.as_ptr());
                succeeded("mosquitto_username_pw_set", result)?;
            }
            if let Some(authority) = &target.authority {
                let authority = CString::new(&**authority)?;
                let none = ptr::null();
                let result = ffi::mosquitto_tls_set(client, authority.as_ptr(), none, none, none, None);
                succeeded("mosquitto_tls_set", result)?;
            }
            let connected = ffi::mosquitto_connect(client, host.as_ptr(), target.port.into(), KEEP_ALIVE_SECONDS);
            succeeded("mosquitto_connect", connected)?;
            succeeded("mosquitto_loop_start", ffi::mosquitto_loop_start(client))?;
            Ok(handle)
        }
    }

    fn wait_until_ready(&self) -> Outcome {
        self.ready.wait(NAME)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the client is open until here. After `mosquitto_loop_stop`, which ends the library's thread, and
        // `mosquitto_destroy` no callback can run, so that nobody else has the context.
        unsafe {
            ffi::mosquitto_disconnect(self.client);
            ffi::mosquitto_loop_stop(self.client, false);
            ffi::mosquitto_destroy(self.client);
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
        Ok(())
    }
}

impl Writer for AsyncWriter {
    fn start(&self, value: &[u8]) -> Outcome {
        let (size, bytes) = (c_int::try_from(value.len())?, value.as_ptr().cast());
        // SAFETY: the client is open; topic and value live longer than the call, which copies them.
        succeeded("mosquitto_publish", unsafe {
            let (client, topic) = (self.handle.client, self.topic.as_ptr());
            ffi::mosquitto_publish(client, ptr::null_mut(), topic, size, bytes, self.qos, false)
        })
    }

    fn write_for(&mut self, value: &[u8], time: Duration, into: &mut Measured) {
        self.under_way.write_for(time, into, || self.start(value));
    }
}

struct Reading(#[expect(dead_code, reason = "it is dropped")] Handle);

impl Open for Reading {
    fn close(self: Box<Self>) -> Outcome {
        Ok(())
    }
}

fn succeeded(what: &str, code: c_int) -> Outcome {
    if code == 0 { Ok(()) } else { Err(format!("{what}: {}", text(code)).into()) }
}

fn text(code: c_int) -> String {
    // SAFETY: the library returns a constant text for each number.
    unsafe { CStr::from_ptr(ffi::mosquitto_strerror(code)) }.to_string_lossy().into_owned()
}

extern "C" fn on_connect(_: *mut ffi::Mosquitto, object: *mut c_void, code: c_int) {
    let outcome = if code == 0 { Ok(()) } else { Err(format!("the broker refuses with code {code}").into()) };
    // SAFETY: the library gives the client's object.
    unsafe { Context::of(object) }.ended(outcome);
}

extern "C" fn on_subscribe(_: *mut ffi::Mosquitto, object: *mut c_void, _: c_int, count: c_int, granted: *const c_int) {
    // SAFETY: the library gives as many as it says.
    let refused = count < 1 || unsafe { *granted } > 2;
    let outcome = if refused { Err("the broker refuses the subscription".into()) } else { Ok(()) };
    // SAFETY: the library gives the client's object.
    unsafe { Context::of(object) }.ended(outcome);
}

extern "C" fn on_disconnect(_: *mut ffi::Mosquitto, object: *mut c_void, code: c_int) {
    if code == 0 {
        return; // We have asked for it.
    }
    // SAFETY: the library gives the client's object.
    unsafe { Context::of(object) }.lost(text(code));
}

/// At QoS 0 it is called when the message is sent, at QoS 1 and 2 when it is confirmed.
extern "C" fn on_publish(_: *mut ffi::Mosquitto, object: *mut c_void, _: c_int) {
    // SAFETY: the library gives the client's object.
    unsafe { Context::of(object) }.sent();
}

extern "C" fn on_message(_: *mut ffi::Mosquitto, object: *mut c_void, message: *const ffi::Message) {
    // SAFETY: the library gives the client's object, and a message that lives until this returns.
    let (context, message) = unsafe { (Context::of(object), &*message) };
    context.received(message.payload_size as usize);
}

/// Of mosquitto.h, version 1.6 and later.
mod ffi {
    use super::{c_char, c_int, c_void};

    #[repr(C)]
    pub struct Mosquitto {
        private: [u8; 0],
    }

    #[repr(C)]
    pub struct Message {
        pub id: c_int,
        pub topic: *mut c_char,
        pub payload: *mut c_void,
        pub payload_size: c_int,
        pub qos: c_int,
        pub retain: bool,
    }

    pub const SEND_MAXIMUM: c_int = 5;
    pub const TCP_NODELAY: c_int = 11;

    type OnCode = extern "C" fn(*mut Mosquitto, *mut c_void, c_int);
    type OnSubscribe = extern "C" fn(*mut Mosquitto, *mut c_void, c_int, c_int, *const c_int);
    type OnMessage = extern "C" fn(*mut Mosquitto, *mut c_void, *const Message);
    type OnPassword = extern "C" fn(*mut c_char, c_int, c_int, *mut c_void) -> c_int;

    #[link(name = "mosquitto")]
    unsafe extern "C" {
        pub fn mosquitto_lib_init() -> c_int;
        pub fn mosquitto_strerror(code: c_int) -> *const c_char;
        pub fn mosquitto_new(id: *const c_char, clean_session: bool, object: *mut c_void) -> *mut Mosquitto;
        pub fn mosquitto_destroy(client: *mut Mosquitto);
        pub fn mosquitto_int_option(client: *mut Mosquitto, option: c_int, value: c_int) -> c_int;
        pub fn mosquitto_username_pw_set(client: *mut Mosquitto, user: *const c_char, password: *const c_char)
        -> c_int;
        pub fn mosquitto_tls_set(
            client: *mut Mosquitto,
            authorities: *const c_char,
            folder: *const c_char,
            certificate: *const c_char,
            key: *const c_char,
            password: Option<OnPassword>,
        ) -> c_int;
        pub fn mosquitto_connect(client: *mut Mosquitto, host: *const c_char, port: c_int, keep_alive: c_int) -> c_int;
        pub fn mosquitto_disconnect(client: *mut Mosquitto) -> c_int;
        pub fn mosquitto_loop_start(client: *mut Mosquitto) -> c_int;
        pub fn mosquitto_loop_stop(client: *mut Mosquitto, force: bool) -> c_int;
        pub fn mosquitto_subscribe(client: *mut Mosquitto, id: *mut c_int, topic: *const c_char, qos: c_int) -> c_int;
        pub fn mosquitto_publish(
            client: *mut Mosquitto,
            id: *mut c_int,
            topic: *const c_char,
            size: c_int,
            payload: *const c_void,
            qos: c_int,
            retain: bool,
        ) -> c_int;
        pub fn mosquitto_connect_callback_set(client: *mut Mosquitto, callback: OnCode);
        pub fn mosquitto_disconnect_callback_set(client: *mut Mosquitto, callback: OnCode);
        pub fn mosquitto_publish_callback_set(client: *mut Mosquitto, callback: OnCode);
        pub fn mosquitto_subscribe_callback_set(client: *mut Mosquitto, callback: OnSubscribe);
        pub fn mosquitto_message_callback_set(client: *mut Mosquitto, callback: OnMessage);
    }
}

//! The entry points for Java, class `jp.ad.sinet.stream.engine.boundary.Native`. This folder is the only place that names the
//! `jni` crate, and the only one with `unsafe`.
//!
//! Every export is a shell around a function of [`client::JavaClient`]. Java owns the threads: no thread of this library
//! attaches to the JVM. No export blocks for longer than ten milliseconds, except `changes`, in which one Java thread waits on
//! behalf of all: see [`signals`].
//!
//! An export that fails returns 0 or null, which Java does not look at, because an exception is thrown. If even that was
//! impossible, Java must not take the value for a result; so an export that succeeds never returns 0 or null.

// `unsafe` is needed for exported names and for viewing bytes as Java's signed ones; each place gives its reason.
#![allow(unsafe_code)]

mod batch;
mod client;
mod compression;
mod desk;
mod events;
mod failure;
mod handles;
mod login;
mod options;
mod packing;
mod paths;
mod plugin;
mod signals;
mod stores;
mod tree;

use std::sync::Arc;
use std::time::Duration;

use jni::objects::{JByteArray, JClass, JLongArray, JObject};
use jni::sys::{jboolean, jint, jlong};
use jni::{Env, EnvUnowned};
use zeroize::Zeroizing;

use client::{JavaClient, Submitted, Wait};
use failure::{Failure, Throw};
use plugin::JavaPlugin;

use crate::config::Value;
use crate::mqtt::ValueSize;
use crate::terms::WriteOptions;

type Result<T> = std::result::Result<T, Failure>;

/// The result of a write that is confirmed; of any other it is the ticket, which is positive.
const CONFIRMED: jlong = -1;
/// Returns 1 if the awaited operation has ended, and 2 if it has not.
fn done(done: bool) -> jint {
    if done { 1 } else { 2 }
}

/// Runs an export; its class `Native` throws its failure.
fn export<'a, T: Default>(
    env: &mut EnvUnowned<'a>,
    native: &JClass<'a>,
    work: impl FnOnce(&mut Env<'a>) -> Result<T>,
) -> T {
    env.with_env(work).resolve_with::<Throw, _>(|| native)
}

/// Runs `call` on the handle's client. A panic inside ends the client before it becomes an exception.
fn on<T>(handle: jlong, call: impl FnOnce(&JavaClient) -> Result<T>) -> Result<T> {
    struct CloseOnPanic(Arc<JavaClient>);
    impl Drop for CloseOnPanic {
        fn drop(&mut self) {
            if std::thread::panicking() {
                let _ = self.0.close(None);
            }
        }
    }
    let client = CloseOnPanic(handles::get(handle)?);
    call(&client.0)
}

/// Returns the `Wait` for its number in the class `Native`.
fn wait(number: jint) -> Wait {
    match number {
        0 => Wait::No,
        1 => Wait::Armed,
        2 => Wait::Briefly,
        _ => Wait::Patiently,
    }
}

/// Reads the options of one message; null means that there are none.
fn options_in(env: &mut Env<'_>, options: &JByteArray<'_>) -> Result<Option<WriteOptions>> {
    if options.is_null() {
        return Ok(None);
    }
    Ok(Some(options::decode(&to_vec(env, options)?)?))
}

fn to_vec(env: &mut Env<'_>, array: &JByteArray<'_>) -> Result<Vec<u8>> {
    Ok(env.convert_byte_array(array)?)
}

/// Copies a whole Java array into `place`, which has its length.
fn copy_into(env: &Env<'_>, array: &JByteArray<'_>, place: &mut [u8]) -> Result<()> {
    // SAFETY: i8 and u8 have the same size and alignment and no invalid values; the slice is not used otherwise while the view
    // exists.
    let place = unsafe { std::slice::from_raw_parts_mut(place.as_mut_ptr().cast::<i8>(), place.len()) };
    Ok(array.get_region(env, 0, place)?)
}

/// Copies bytes to the beginning of a Java array.
fn copy_out(env: &Env<'_>, bytes: &[u8], array: &JByteArray<'_>) -> Result<()> {
    // SAFETY: i8 and u8 have the same size and alignment and no invalid values; the view is only read, as the slice is.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<i8>(), bytes.len()) };
    Ok(array.set_region(env, 0, bytes)?)
}

// `no_mangle` is unsafe because names could clash; the prefix of these belongs to this class alone.

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_version<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
) -> JByteArray<'a> {
    export(&mut env, &native, |env| -> Result<_> {
        Ok(env.byte_array_from_slice(env!("CARGO_PKG_VERSION").as_bytes())?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_prepare<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
) {
    failure::install_panic_hook();
    export(&mut env, &native, |env| Ok(failure::prepare(env)?))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_parameters0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
) -> JByteArray<'a> {
    export(&mut env, &native, |env| -> Result<_> {
        Ok(env.byte_array_from_slice(&tree::encode(&Value::Map(crate::config::known())))?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_compress0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    parameters: JByteArray<'a>,
    value: JByteArray<'a>,
) -> JByteArray<'a> {
    export(&mut env, &native, |env| {
        let compressed = compression::compress(&to_vec(env, &parameters)?, &to_vec(env, &value)?)?;
        Ok::<_, Failure>(env.byte_array_from_slice(&compressed)?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_decompress0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    parameters: JByteArray<'a>,
    bytes: JByteArray<'a>,
) -> JByteArray<'a> {
    export(&mut env, &native, |env| {
        let value = compression::decompress(&to_vec(env, &parameters)?, &to_vec(env, &bytes)?)?;
        Ok::<_, Failure>(env.byte_array_from_slice(&value)?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_pemInDer0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    wanted: JByteArray<'a>,
) -> JByteArray<'a> {
    export(&mut env, &native, |env| {
        let wanted = Zeroizing::new(to_vec(env, &wanted)?);
        Ok::<_, Failure>(env.byte_array_from_slice(&stores::in_der(&wanted)?)?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_liveHandles0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
) -> jint {
    export(&mut env, &native, |_| -> Result<_> { Ok(handles::live() as jint + 1) })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_open0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    options: JByteArray<'a>,
) -> jlong {
    export(&mut env, &native, |env| Ok(handles::insert(JavaClient::open(&Zeroizing::new(to_vec(env, &options)?))?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_describe0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
) -> JByteArray<'a> {
    export(&mut env, &native, |env| on(handle, |client| Ok(env.byte_array_from_slice(&client.describe()?)?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_connect<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    key_material: JByteArray<'a>,
    stages: JObject<'a>,
) {
    export(&mut env, &native, |env| {
        let material = if key_material.is_null() { None } else { Some(to_vec(env, &key_material)?.into()) };
        let plugin = JavaPlugin::of(env, &stages)?;
        on(handle, |client| Ok(client.connect(material, plugin)?))
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_question0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    what: jlong,
) -> JByteArray<'a> {
    export(&mut env, &native, |env| on(handle, |client| Ok(env.byte_array_from_slice(&client.question(what)?)?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_answer<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    what: jlong,
    answer: JByteArray<'a>,
) {
    export(&mut env, &native, |env| {
        let answer = Zeroizing::new(to_vec(env, &answer)?);
        on(handle, |client| Ok(client.answer(what, &answer)?))
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_changes0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
) -> JLongArray<'a> {
    export(&mut env, &native, |env| signals::take_changes(|changes| long_array(env, changes)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_interruptChanges<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
) {
    export(&mut env, &native, |_| -> Result<_> {
        signals::interrupt();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_opened0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
) -> jlong {
    export(&mut env, &native, |_| on(handle, |client| Ok(client.opened()?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_write0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    value: JByteArray<'a>,
    timestamp_us: jlong,
    options: JByteArray<'a>,
    how_long: jint,
) -> jlong {
    export(&mut env, &native, |env| {
        let options = options_in(env, &options)?;
        let length = value.len(env)?;
        let fill = |place: &mut [u8]| copy_into(env, &value, place);
        let ticket = on(handle, |client| client.write(options.as_ref(), length, timestamp_us, wait(how_long), fill))?;
        Ok::<_, Failure>(ticket.unwrap_or(CONFIRMED))
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_submit0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    value: JByteArray<'a>,
    timestamp: jlong,
    options: JByteArray<'a>,
) -> jlong {
    export(&mut env, &native, |env| {
        let options = options_in(env, &options)?;
        let length = value.len(env)?;
        let fill = |place: &mut [u8]| copy_into(env, &value, place);
        let submitted = on(handle, |client| client.submit(options.as_ref(), length, timestamp, fill))?;
        Ok::<_, Failure>(match submitted {
            Submitted::Accepted(number) => number as jlong + 1,
            Submitted::Waits(ticket) => -ticket,
        })
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_await0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    ticket: jlong,
    how_long: jint,
) -> jint {
    export(&mut env, &native, |_| on(handle, |client| Ok(done(client.wait_for(ticket, wait(how_long))?))))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_abandon<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    ticket: jlong,
) {
    export(&mut env, &native, |_| {
        on(handle, |client| {
            client.abandon(ticket);
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_flush0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
) -> jlong {
    export(&mut env, &native, |_| on(handle, |client| Ok(client.flush()?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_ping0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
) -> jlong {
    export(&mut env, &native, |_| on(handle, |client| Ok(client.ping()?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_info0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
) -> JLongArray<'a> {
    export(&mut env, &native, |env| {
        let info = on(handle, |client| Ok(client.info()?))?;
        let values = [
            i64::from(info.connected),
            info.reconnects as i64,
            info.resent as i64,
            info.outbox_messages as i64,
            info.outbox_bytes as i64,
            info.outbox_age_ms as i64,
            info.outbox_dropped as i64,
            info.in_flight as i64,
            info.inbox_messages as i64,
            info.inbox_bytes as i64,
        ];
        long_array(env, &values)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_events0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    want_messages: jboolean,
    how_long: jint,
) -> JByteArray<'a> {
    let wait = wait(how_long);
    export(&mut env, &native, |env| {
        on(handle, |client| client.take_events(want_messages, wait, |packed| Ok(env.byte_array_from_slice(packed)?)))
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_lastMessageBytes0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
) -> JByteArray<'a> {
    export(&mut env, &native, |env| {
        let message = on(handle, |client| Ok(client.last_message()?))?;
        // A message may be empty, so a first byte tells whether there is one.
        let packed = message.map_or(vec![0], |message| [&[1], &message[..]].concat());
        Ok::<_, Failure>(env.byte_array_from_slice(&packed)?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_read0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    max_messages: jint,
    array: JByteArray<'a>,
    how_long: jint,
) -> JByteArray<'a> {
    let most = usize::try_from(max_messages).unwrap_or(1);
    export(&mut env, &native, |env| {
        let made = on(handle, |client| {
            client.read(most, wait(how_long), |records| {
                if records.len() > array.len(env)? {
                    return Ok(Some(env.byte_array_from_slice(records)?));
                }
                copy_out(env, records, &array)?;
                Ok(None)
            })
        })?;
        Ok::<_, Failure>(made.unwrap_or(array))
    })
}

/// Returns a duration in nanoseconds, as Java represents it.
fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn long_array<'a>(env: &mut Env<'a>, values: &[i64]) -> Result<JLongArray<'a>> {
    let array = env.new_long_array(values.len())?;
    array.set_region(env, 0, values)?;
    Ok(array)
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_taken<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    number: jlong,
) {
    export(&mut env, &native, |_| on(handle, |client| Ok(client.taken(number)?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_acknowledge<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    number: jlong,
) {
    export(&mut env, &native, |_| on(handle, |client| Ok(client.acknowledge(number)?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_failed<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    number: jlong,
) {
    export(&mut env, &native, |_| on(handle, |client| Ok(client.failed(number)?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_decode0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    wire: JByteArray<'a>,
    topic: JByteArray<'a>,
) -> JByteArray<'a> {
    export(&mut env, &native, |env| {
        let (wire, topic) = (to_vec(env, &wire)?, to_vec(env, &topic)?);
        on(handle, |client| client.decode(wire, &topic, |records| Ok(env.byte_array_from_slice(records)?)))
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_encode0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    value: JByteArray<'a>,
    timestamp_us: jlong,
    sizes: JLongArray<'a>,
) -> JByteArray<'a> {
    export(&mut env, &native, |env| {
        let value = to_vec(env, &value)?;
        let encoded = on(handle, |client| Ok(client.encode(&value, timestamp_us)?))?;
        sizes.set_region(env, 0, &[encoded.size.plain as i64, encoded.size.compressed as i64])?;
        Ok::<_, Failure>(env.byte_array_from_slice(&encoded.wire)?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_count<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    wire: jlong,
    plain: jlong,
    compressed: jlong,
) {
    export(&mut env, &native, |_| {
        let size = ValueSize { plain: plain as usize, compressed: compressed as usize };
        on(handle, |client| Ok(client.count(wire as usize, size)?))
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_metrics0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
) -> JLongArray<'a> {
    export(&mut env, &native, |env| {
        let metrics = on(handle, |client| Ok(client.metrics()?))?;
        let mut values = vec![
            metrics.start_time_ms,
            metrics.end_time_ms,
            metrics.msg_count_total as i64,
            metrics.msg_uncompressed_bytes_total as i64,
            metrics.msg_compressed_bytes_total as i64,
            metrics.msg_bytes_total as i64,
            metrics.msg_size_min.map_or(-1, |size| size as i64),
            metrics.msg_size_max.map_or(-1, |size| size as i64),
            metrics.error_count_total as i64,
            nanos(metrics.write_times.sum()),
            nanos(metrics.write_times.max()),
        ];
        // Each bucket is passed with its bound, so that Java needs no bounds of its own.
        for (bound, count) in metrics.write_times.buckets() {
            values.extend([bound.map_or(i64::MAX, nanos), count as i64]);
        }
        long_array(env, &values)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_resetMetrics<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
) {
    export(&mut env, &native, |_| on(handle, |client| Ok(client.reset_metrics()?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_countError0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
) {
    export(&mut env, &native, |_| on(handle, |client| Ok(client.count_error()?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_close0<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
    millis: jlong,
) -> jlong {
    let within = u64::try_from(millis).ok().map(Duration::from_millis);
    export(&mut env, &native, |_| on(handle, |client| Ok(client.close(within)?)))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_boundary_Native_release<'a>(
    mut env: EnvUnowned<'a>,
    native: JClass<'a>,
    handle: jlong,
) {
    export(&mut env, &native, |_| -> Result<_> {
        if let Some(client) = handles::remove(handle) {
            client.released();
        }
        Ok(())
    })
}

//! The entry points for Java, class `jp.ad.sinet.stream.engine.Native`. The only place that names the `jni` crate,
//! and the only one with `unsafe`.
//!
//! Every export is a shell around a function of [`client::JavaClient`]. Java owns the threads: no thread of this
//! library attaches to the JVM, and no export blocks longer than its `wait_ms`.

// Exported names and the view of bytes as Java's signed ones need it; see each place.
#![allow(unsafe_code)]

mod client;
mod events;
mod failure;
mod handles;
mod packing;
mod plugin;
mod stores;
mod tree;

use std::sync::Arc;
use std::time::Duration;

use jni::objects::{JByteArray, JClass, JLongArray, JObject};
use jni::sys::{jboolean, jint, jlong};
use jni::{Env, EnvUnowned};

use client::JavaClient;
use failure::{Failure, Throw};
use plugin::JavaPlugin;

use crate::config::Value;
use crate::mqtt::ValueSize;

type Result<T> = std::result::Result<T, Failure>;

/// Runs `call` on the handle's client. A panic inside ends the client before it becomes an exception.
fn on<T>(handle: jlong, call: impl FnOnce(&JavaClient) -> Result<T>) -> Result<T> {
    struct CloseOnPanic(Arc<JavaClient>);
    impl Drop for CloseOnPanic {
        fn drop(&mut self) {
            if std::thread::panicking() {
                self.0.close();
            }
        }
    }
    let client = CloseOnPanic(handles::get(handle)?);
    call(&client.0)
}

fn millis(wait_ms: jint) -> Duration {
    Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0))
}

fn to_vec(env: &mut Env<'_>, array: &JByteArray<'_>) -> Result<Vec<u8>> {
    Ok(env.convert_byte_array(array)?)
}

/// Copies a whole Java array into its place.
fn copy_into(env: &Env<'_>, array: &JByteArray<'_>, place: &mut [u8]) -> Result<()> {
    // SAFETY: i8 and u8 have the same size and alignment and no invalid values; the slice is not used otherwise
    // while the view exists.
    let place = unsafe { std::slice::from_raw_parts_mut(place.as_mut_ptr().cast::<i8>(), place.len()) };
    Ok(array.get_region(env, 0, place)?)
}

/// Copies bytes to the beginning of a Java array.
fn copy_out(env: &Env<'_>, bytes: &[u8], array: &JByteArray<'_>) -> Result<()> {
    // SAFETY: i8 and u8 have the same size and alignment and no invalid values; the view is only read, as the slice is.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<i8>(), bytes.len()) };
    Ok(array.set_region(env, 0, bytes)?)
}

// The attribute is unsafe because a clash of names would be; the prefix is this class's own.

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_version<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
) -> JByteArray<'a> {
    env.with_env(|env| -> Result<_> { Ok(env.byte_array_from_slice(env!("CARGO_PKG_VERSION").as_bytes())?) })
        .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_parameters<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
) -> JByteArray<'a> {
    env.with_env(|env| -> Result<_> {
        Ok(env.byte_array_from_slice(&tree::encode(&Value::Map(crate::config::known())))?)
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_liveHandles<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
) -> jint {
    env.with_env(|_| -> Result<_> { Ok(handles::live() as jint) }).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_open<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    options: JByteArray<'a>,
) -> jlong {
    failure::install_panic_hook();
    env.with_env(|env| Ok(handles::insert(JavaClient::open(&to_vec(env, &options)?)?))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_describe<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) -> JByteArray<'a> {
    env.with_env(|env| on(handle, |client| Ok(env.byte_array_from_slice(&client.describe())?))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_connect<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    key_material: JByteArray<'a>,
    stages: JObject<'a>,
) {
    env.with_env(|env| {
        let material = if key_material.is_null() { None } else { Some(to_vec(env, &key_material)?) };
        let plugin = JavaPlugin::of(env, &stages)?;
        on(handle, |client| Ok(client.connect(material, plugin)?))
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_awaitConnected<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    wait_ms: jint,
) -> jboolean {
    env.with_env(|_| on(handle, |client| Ok(client.await_connected(millis(wait_ms))?))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_write<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    value: JByteArray<'a>,
    timestamp_us: jlong,
    wait_ms: jint,
) -> jlong {
    env.with_env(|env| {
        let length = value.len(env)?;
        let fill = |place: &mut [u8]| copy_into(env, &value, place);
        on(handle, |client| client.write(length, timestamp_us, millis(wait_ms), fill))
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_submit<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    value: JByteArray<'a>,
    wait_ms: jint,
) -> jlong {
    env.with_env(|env| {
        let length = value.len(env)?;
        let fill = |place: &mut [u8]| copy_into(env, &value, place);
        let number = on(handle, |client| client.submit(length, millis(wait_ms), fill))?;
        Ok::<_, Failure>(number.map_or(-1, |number| number as jlong))
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_await<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    ticket: jlong,
    wait_ms: jint,
) -> jboolean {
    env.with_env(|_| on(handle, |client| Ok(client.wait_for(ticket, millis(wait_ms))?))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_abandon<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    ticket: jlong,
) {
    env.with_env(|_| {
        on(handle, |client| {
            client.abandon(ticket);
            Ok(())
        })
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_flush<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) -> jlong {
    env.with_env(|_| on(handle, |client| Ok(client.flush()?))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_ping<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) -> jlong {
    env.with_env(|_| on(handle, |client| Ok(client.ping()?))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_isConnected<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) -> jboolean {
    env.with_env(|_| on(handle, |client| Ok(client.info()?.connected))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_info<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) -> JLongArray<'a> {
    env.with_env(|env| {
        let info = on(handle, |client| Ok(client.info()?))?;
        let values = [
            i64::from(info.connected),
            info.reconnects as i64,
            info.resent as i64,
            info.outbox_messages as i64,
            info.outbox_bytes as i64,
            info.in_flight as i64,
            info.inbox_messages as i64,
            info.inbox_bytes as i64,
        ];
        long_array(env, &values)
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_events<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    want_messages: jboolean,
    wait_ms: jint,
) -> JByteArray<'a> {
    let wait = millis(wait_ms);
    env.with_env(|env| on(handle, |client| bytes_or_null(env, client.take_events(want_messages, wait)?.as_deref())))
        .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_lastMessageBytes<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) -> JByteArray<'a> {
    env.with_env(|env| on(handle, |client| bytes_or_null(env, client.last_message()?.as_deref()))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_read<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    max_messages: jint,
    array: JByteArray<'a>,
    wait_ms: jint,
) -> JByteArray<'a> {
    let most = usize::try_from(max_messages).unwrap_or(1);
    env.with_env(|env| {
        on(handle, |client| {
            client.read(most, millis(wait_ms), |records| match records {
                Some(records) if records.len() <= array.len(env)? => {
                    copy_out(env, records, &array)?;
                    Ok(array)
                }
                records => bytes_or_null(env, records),
            })
        })
    })
    .resolve::<Throw>()
}

fn long_array<'a>(env: &mut Env<'a>, values: &[i64]) -> Result<JLongArray<'a>> {
    let array = env.new_long_array(values.len())?;
    array.set_region(env, 0, values)?;
    Ok(array)
}

fn bytes_or_null<'a>(env: &mut Env<'a>, bytes: Option<&[u8]>) -> Result<JByteArray<'a>> {
    match bytes {
        Some(bytes) => Ok(env.byte_array_from_slice(bytes)?),
        None => Ok(JByteArray::default()),
    }
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_taken<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    number: jlong,
) {
    env.with_env(|_| on(handle, |client| Ok(client.taken(number)?))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_decode<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    wire: JByteArray<'a>,
) -> JByteArray<'a> {
    env.with_env(|env| {
        let wire = to_vec(env, &wire)?;
        on(handle, |client| Ok(env.byte_array_from_slice(&client.decode(wire)?)?))
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_encode<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    value: JByteArray<'a>,
    timestamp_us: jlong,
    sizes: JLongArray<'a>,
) -> JByteArray<'a> {
    env.with_env(|env| {
        let value = to_vec(env, &value)?;
        let encoded = on(handle, |client| Ok(client.encode(&value, timestamp_us)?))?;
        sizes.set_region(env, 0, &[encoded.size.plain as i64, encoded.size.compressed as i64])?;
        Ok::<_, Failure>(env.byte_array_from_slice(&encoded.wire)?)
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_count<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    wire: jlong,
    plain: jlong,
    compressed: jlong,
) {
    env.with_env(|_| {
        let size = ValueSize { plain: plain as usize, compressed: compressed as usize };
        on(handle, |client| Ok(client.count(wire as usize, size)?))
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_metrics<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) -> JLongArray<'a> {
    env.with_env(|env| {
        let metrics = on(handle, |client| Ok(client.metrics()?))?;
        let values = [
            metrics.start_time_ms,
            metrics.end_time_ms,
            metrics.msg_count_total as i64,
            metrics.msg_uncompressed_bytes_total as i64,
            metrics.msg_compressed_bytes_total as i64,
            metrics.msg_bytes_total as i64,
            metrics.msg_size_min.map_or(-1, |size| size as i64),
            metrics.msg_size_max.map_or(-1, |size| size as i64),
            metrics.error_count_total as i64,
        ];
        long_array(env, &values)
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_resetMetrics<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) {
    env.with_env(|_| on(handle, |client| Ok(client.reset_metrics()?))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_nudge<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) {
    env.with_env(|_| {
        on(handle, |client| {
            client.nudge();
            Ok(())
        })
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_countError<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) {
    env.with_env(|_| on(handle, |client| Ok(client.count_error()?))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_close<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) {
    env.with_env(|_| {
        on(handle, |client| {
            client.close();
            Ok(())
        })
    })
    .resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_awaitClosed<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
    wait_ms: jint,
) -> jboolean {
    env.with_env(|_| on(handle, |client| Ok(client.await_closed(millis(wait_ms))?))).resolve::<Throw>()
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_jp_ad_sinet_stream_engine_Native_release<'a>(
    mut env: EnvUnowned<'a>,
    _: JClass<'a>,
    handle: jlong,
) {
    env.with_env(|_| -> Result<_> {
        if let Some(client) = handles::remove(handle) {
            client.released();
        }
        Ok(())
    })
    .resolve::<Throw>()
}

//! Errors and panics on their way to Java.

use std::any::Any;
use std::cell::Cell;
use std::panic;
use std::sync::{Once, OnceLock};

use jni::errors::{ErrorPolicy, JniError};
use jni::exceptions::JOutOfMemoryError;
use jni::objects::{JClass, JThrowable, JValue};
use jni::refs::{Global, LoaderContext, Reference};
use jni::strings::JNIString;
use jni::{Env, jni_sig, jni_str};

use crate::error::{Delivery, Error, IoKind, Obstacle};

/// The failure of an export.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Engine(#[from] Error),
    /// An error of JNI itself; a Java exception may be pending.
    #[error(transparent)]
    Jni(#[from] jni::errors::Error),
}

/// Throws the exception that `Native.fail` makes of an error; a panic is an internal error. The class `Native`, which every
/// export is given, leads to everything that this needs. No class is looked up, because an application's class loader may be
/// closed by then; and none is kept, because that would keep its loader, and with it this library, for ever.
pub(super) struct Throw;

impl<T: Default> ErrorPolicy<T, Failure> for Throw {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = &'native_method JClass<'unowned_env_local>;

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        native: &mut &'native_method JClass<'unowned_env_local>,
        failure: Failure,
    ) -> jni::errors::Result<T> {
        throw(env, native, failure)
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        native: &mut &'native_method JClass<'unowned_env_local>,
        _: Box<dyn Any + Send>,
    ) -> jni::errors::Result<T> {
        // The panic's text may contain the user's data; its place does not.
        let place = LAST_PANIC.take().unwrap_or_else(|| "an unknown place".into());
        throw(env, native, Error::Internal(format!("panic at {place}")).into())
    }
}

/// Throws an exception. The value that the export then returns means nothing to Java. If there is no exception in spite of
/// everything, Java takes the value for a failure, because no success returns it.
fn throw<T: Default>(env: &mut Env<'_>, native: &JClass<'_>, failure: Failure) -> jni::errors::Result<T> {
    if env.exception_check() {
        return Ok(T::default());
    }
    let error = match failure {
        Failure::Engine(error) => error,
        Failure::Jni(jni::errors::Error::JniCall(JniError::NoMemory)) if let Some(class) = OUT_OF_MEMORY.get() => {
            let _ = env.throw_new(class, jni_str!("no memory for what the native library returns"));
            return Ok(T::default());
        }
        Failure::Jni(error) => Error::Internal(format!("JNI: {error}")),
    };
    let thrown = fail(env, native, &error);
    // Usually an exception is pending by now: this library's, or another one that came in between, perhaps for want of memory.
    if !env.exception_check() {
        tracing::error!("no exception for \"{error}\": {thrown:?}");
        if let Some(class) = LAST_RESORT.get() {
            // The crate reports the exception just thrown as an error.
            let _ = env.throw_new(class, JNIString::from(error.to_string()));
        }
    }
    Ok(T::default())
}

/// Makes Java throw the error.
fn fail(env: &mut Env<'_>, native: &JClass<'_>, error: &Error) -> jni::errors::Result<()> {
    let mut packed = Vec::new();
    pack(&mut packed, Some(error));
    let packed = env.byte_array_from_slice(&packed)?;
    env.call_static_method(native, jni_str!("fail"), jni_sig!("([B)V"), &[JValue::Object(&packed)])?;
    Ok(())
}

/// Packs an error as `engine.boundary.Errors` reads it, big endian: its code (i32), 0 for none; its text with the length (u32);
/// the numbers of its cause, of the broker's code, of its reason and of the fate of the message (u8 each); and in the same form
/// the error that caused it.
pub(super) fn pack(to: &mut Vec<u8>, error: Option<&Error>) {
    let Some(error) = error else { return to.extend_from_slice(&[0; 4]) };
    let text = error.to_string();
    to.extend_from_slice(&error.code().to_be_bytes());
    to.extend_from_slice(&(text.len() as u32).to_be_bytes());
    to.extend_from_slice(text.as_bytes());
    to.extend_from_slice(&[obstacle(error), error.reason_code().unwrap_or(0), reason(error), delivery(error)]);
    let behind = match error {
        Error::TimedOut { source, .. } => source.as_deref(),
        _ => None,
    };
    pack(to, behind);
}

/// The exception class of last resort, which is the JDK's, so that it does not hold the application's class loader.
static LAST_RESORT: OnceLock<Global<JClass<'static>>> = OnceLock::new();
static OUT_OF_MEMORY: OnceLock<Global<JClass<'static>>> = OnceLock::new();

/// Looks up all classes that are needed later, by this module and by the crate `jni` itself.
pub(super) fn prepare(env: &mut Env<'_>) -> jni::errors::Result<()> {
    let class = env.find_class(jni_str!("java/lang/IllegalStateException"))?;
    let class = env.new_global_ref(class)?;
    LAST_RESORT.get_or_init(|| class);
    let class = env.find_class(jni_str!("java/lang/OutOfMemoryError"))?;
    let class = env.new_global_ref(class)?;
    OUT_OF_MEMORY.get_or_init(|| class);
    let context = LoaderContext::None;
    JThrowable::lookup_class(env, &context)?;
    JOutOfMemoryError::lookup_class(env, &context)?;
    Ok(())
}

/// Returns the number by which `engine.boundary.Errors` knows an obstacle; 0 for none.
fn obstacle(error: &Error) -> u8 {
    match error.obstacle() {
        None => 0,
        Some(Obstacle::UnknownHost) => 1,
        Some(Obstacle::Unreachable) => 2,
        Some(Obstacle::TimedOut) => 3,
        Some(Obstacle::Tls) => 4,
        Some(Obstacle::Certificate) => 5,
        Some(Obstacle::Refused(_)) => 6,
        Some(Obstacle::Other) => 7,
    }
}

/// Returns the number by which it knows the reason; 0 for one without a name.
fn reason(error: &Error) -> u8 {
    match error {
        _ if error.is_closed() => 1,
        _ if error.is_timed_out() => 2,
        _ if error.is_lost() => 3,
        Error::Authentication { .. } => 4,
        _ if error.reason_code().is_some() => 4,
        Error::Io(error) if error.kind() == IoKind::TooLarge => 5,
        _ => 0,
    }
}

/// Returns the number by which it knows the fate of a message; 0 for none.
fn delivery(error: &Error) -> u8 {
    match error.delivery() {
        None => 0,
        Some(Delivery::NotSent) => 1,
        Some(Delivery::Refused) => 2,
        Some(Delivery::Unknown) => 3,
    }
}

thread_local! {
    static LAST_PANIC: Cell<Option<String>> = const { Cell::new(None) };
}

/// Keeps panics of this library out of the application's standard error; only their place is remembered.
pub(super) fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
            tracing::error!("panic at {}", place.as_deref().unwrap_or("an unknown place"));
            LAST_PANIC.set(place);
        }));
    });
}

//! Errors and panics on their way to Java.

use std::any::Any;
use std::cell::Cell;
use std::panic;
use std::sync::Once;

use jni::errors::ErrorPolicy;
use jni::objects::{JThrowable, JValue};
use jni::{Env, jni_sig, jni_str};

use crate::error::{Cause, Error};

/// What an export can fail with.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Engine(#[from] Error),
    /// JNI itself; a Java exception may be pending.
    #[error(transparent)]
    Jni(#[from] jni::errors::Error),
}

/// Throws what `engine.Errors` makes of an error's code and message; a panic is an internal error.
pub(super) struct Throw;

impl<T: Default> ErrorPolicy<T, Failure> for Throw {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = ();

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _: &mut (),
        failure: Failure,
    ) -> jni::errors::Result<T> {
        let error = match failure {
            Failure::Engine(error) => error,
            Failure::Jni(error) => Error::Internal(format!("JNI: {error}")),
        };
        throw(env, &error)
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _: &mut (),
        _: Box<dyn Any + Send>,
    ) -> jni::errors::Result<T> {
        // The panic's text may hold data of the user; its place does not.
        let place = LAST_PANIC.take().unwrap_or_else(|| "an unknown place".into());
        throw(env, &Error::Internal(format!("panic at {place}")))
    }
}

fn throw<T: Default>(env: &mut Env<'_>, error: &Error) -> jni::errors::Result<T> {
    if !env.exception_check() {
        let class = env.find_class(jni_str!("jp/ad/sinet/stream/engine/Errors"))?;
        let message = env.byte_array_from_slice(error.to_string().as_bytes())?;
        let (cause, refusal) = cause(error);
        let arguments =
            [JValue::Int(error.code()), JValue::Object(&message), JValue::Int(cause), JValue::Int(refusal.into())];
        let signature = jni_sig!("(I[BII)Ljava/lang/Throwable;");
        let throwable = env.call_static_method(class, jni_str!("create"), signature, &arguments)?.l()?;
        let throwable = env.cast_local::<JThrowable>(throwable)?;
        // The crate reports the exception just thrown as an error.
        let _ = env.throw(throwable);
    }
    Ok(T::default())
}

/// The number by which `engine.Errors` knows a cause, and the broker's code; 0 is none.
fn cause(error: &Error) -> (i32, u8) {
    match error.cause() {
        None => (0, 0),
        Some(Cause::UnknownHost) => (1, 0),
        Some(Cause::Unreachable) => (2, 0),
        Some(Cause::TimedOut) => (3, 0),
        Some(Cause::Tls) => (4, 0),
        Some(Cause::Certificate) => (5, 0),
        Some(Cause::Refused(code)) => (6, code),
        Some(Cause::Other) => (7, 0),
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

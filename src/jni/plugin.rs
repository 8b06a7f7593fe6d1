//! Stages of the pipeline that are Java objects: `engine.boundary.PluginStages`.

use std::sync::Arc;

use jni::objects::{JByteArray, JObject, JString, JThrowable, JValue};
use jni::refs::Global;
use jni::signature::MethodSignature;
use jni::strings::JNIStr;
use jni::{Env, JavaVM, jni_sig, jni_str};

use super::{Failure, to_vec};
use crate::error::{Error, Result};
use crate::message::Plugin;

/// The Java object, which is freed with the last client that uses it. Its methods run on the thread that writes or reads, which
/// is always one of Java's.
pub(super) struct JavaPlugin {
    vm: JavaVM,
    stages: Global<JObject<'static>>,
}

impl JavaPlugin {
    /// Returns the plugin; `None` for null.
    pub fn of(env: &Env<'_>, stages: &JObject<'_>) -> super::Result<Option<Arc<dyn Plugin>>> {
        if stages.is_null() {
            return Ok(None);
        }
        Ok(Some(Arc::new(JavaPlugin { vm: env.get_java_vm()?, stages: env.new_global_ref(stages)? })))
    }

    /// Calls a method. An exception of Java becomes an error with the same text. No class is looked up, see
    /// [`super::failure::Throw`].
    fn call(&self, call: Call<'_>, bytes: &[u8], more: &[i32]) -> Result<Vec<u8>> {
        let Call { name, signature, error } = call;
        let called: super::Result<Vec<u8>> = self.vm.attach_current_thread(|env| {
            let bytes = env.byte_array_from_slice(bytes)?;
            let mut arguments = vec![JValue::Object(&bytes)];
            arguments.extend(more.iter().map(|number| JValue::Int(*number)));
            match env.call_method(&self.stages, name, signature, &arguments) {
                Ok(result) => {
                    // SAFETY: the method's signature says that the result is an array of bytes.
                    let result = unsafe { JByteArray::from_raw(env, result.l()?.into_raw()) };
                    to_vec(env, &result)
                }
                Err(other) => match env.exception_occurred() {
                    Some(thrown) => {
                        // The exception is cleared at once, because the crate would otherwise collect its stack trace.
                        env.exception_clear();
                        Err(Failure::Engine(error(message(env, &thrown)?)))
                    }
                    None => Err(other.into()),
                },
            }
        });
        called.map_err(|failure| match failure {
            Failure::Jni(other) => Error::Internal(format!("JNI: {other}")),
            Failure::Engine(error) => error,
        })
    }
}

/// A method of `PluginStages`, and the error that its failure becomes.
struct Call<'a> {
    name: &'a JNIStr,
    signature: MethodSignature<'a, 'a>,
    error: fn(String) -> Error,
}

fn message(env: &mut Env<'_>, thrown: &JThrowable<'_>) -> super::Result<String> {
    let text = env.call_method(thrown, jni_str!("getMessage"), jni_sig!("()Ljava/lang/String;"), &[])?.l()?;
    if text.is_null() {
        return Ok("the plugin failed".into());
    }
    // SAFETY: the method's signature says that the result is a string.
    let text = unsafe { JString::from_raw(env, text.into_raw()) };
    Ok(text.try_to_string(env)?)
}

impl Plugin for JavaPlugin {
    fn compress(&self, value: &[u8]) -> Result<Vec<u8>> {
        let call =
            Call { name: jni_str!("compress"), signature: jni_sig!("([B)[B"), error: |what| Error::Io(what.into()) };
        self.call(call, value, &[])
    }

    fn decompress(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let call = Call { name: jni_str!("decompress"), signature: jni_sig!("([B)[B"), error: Error::InvalidMessage };
        self.call(call, bytes, &[])
    }

    fn encrypt(&self, record: &[u8]) -> Result<(u16, Vec<u8>)> {
        let call =
            Call { name: jni_str!("encrypt"), signature: jni_sig!("([B)[B"), error: |what| Error::Io(what.into()) };
        let mut found = self.call(call, record, &[])?;
        let Some(version) = found.last_chunk().copied() else {
            return Err(Error::Internal("no key version from a plugin".into()));
        };
        found.truncate(found.len() - 2);
        Ok((u16::from_be_bytes(version), found))
    }

    fn decrypt(&self, bytes: &[u8], version: u16) -> Result<Vec<u8>> {
        let call = Call { name: jni_str!("decrypt"), signature: jni_sig!("([BI)[B"), error: Error::InvalidMessage };
        self.call(call, bytes, &[i32::from(version)])
    }
}

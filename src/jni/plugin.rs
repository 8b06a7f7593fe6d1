//! Stages of the pipeline that are Java objects: `engine.PluginStages`.

use std::sync::Arc;

use jni::objects::{JByteArray, JObject, JValue};
use jni::refs::Global;
use jni::signature::MethodSignature;
use jni::strings::JNIStr;
use jni::{Env, JavaVM, jni_sig, jni_str};

use super::to_vec;
use crate::error::{Error, Result};
use crate::message::Plugin;

/// The Java object; freed with the last client that uses it. Its methods run on the thread that writes or reads, which is
/// always one of Java's.
pub(super) struct JavaPlugin {
    vm: JavaVM,
    stages: Global<JObject<'static>>,
}

impl JavaPlugin {
    /// `None` for null.
    pub fn of(env: &Env<'_>, stages: &JObject<'_>) -> super::Result<Option<Arc<dyn Plugin>>> {
        if stages.is_null() {
            return Ok(None);
        }
        Ok(Some(Arc::new(JavaPlugin { vm: env.get_java_vm()?, stages: env.new_global_ref(stages)? })))
    }

    fn call(&self, name: &JNIStr, signature: MethodSignature<'_, '_>, bytes: &[u8], more: &[i32]) -> CallResult {
        self.vm.attach_current_thread(|env| {
            let bytes = env.byte_array_from_slice(bytes)?;
            let mut arguments = vec![JValue::Object(&bytes)];
            arguments.extend(more.iter().map(|number| JValue::Int(*number)));
            let result = env.call_method(&self.stages, name, signature, &arguments)?.l()?;
            let result = env.cast_local::<JByteArray>(result)?;
            to_vec(env, &result)
        })
    }
}

type CallResult = super::Result<Vec<u8>>;

/// What Java threw is an error with the same text.
fn told(result: CallResult, error: fn(String) -> Error) -> Result<Vec<u8>> {
    result.map_err(|failure| match failure {
        super::Failure::Jni(jni::errors::Error::CaughtJavaException { msg, .. }) => error(msg),
        super::Failure::Jni(other) => Error::Internal(format!("JNI: {other}")),
        super::Failure::Engine(error) => error,
    })
}

impl Plugin for JavaPlugin {
    fn compress(&self, value: &[u8]) -> Result<Vec<u8>> {
        told(self.call(jni_str!("compress"), jni_sig!("([B)[B"), value, &[]), Error::Io)
    }

    fn decompress(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        told(self.call(jni_str!("decompress"), jni_sig!("([B)[B"), bytes, &[]), Error::InvalidMessage)
    }

    fn encrypt(&self, record: &[u8]) -> Result<(u16, Vec<u8>)> {
        let mut found = told(self.call(jni_str!("encrypt"), jni_sig!("([B)[B"), record, &[]), Error::Io)?;
        let Some(version) = found.last_chunk().copied() else {
            return Err(Error::Internal("no key version from a plugin".into()));
        };
        found.truncate(found.len() - 2);
        Ok((u16::from_be_bytes(version), found))
    }

    fn decrypt(&self, bytes: &[u8], version: u16) -> Result<Vec<u8>> {
        let version = i32::from(version);
        told(self.call(jni_str!("decrypt"), jni_sig!("([BI)[B"), bytes, &[version]), Error::InvalidMessage)
    }
}

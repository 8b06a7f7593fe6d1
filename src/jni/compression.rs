//! The built-in compressions, for programs and plugins that call them directly. The parameters are a tree with the content of a
//! map `compression`.

use super::tree;
use crate::config::{CompressionSettings, Value, alone};
use crate::error::{Error, Result};
use crate::message;

pub(super) fn compress(parameters: &[u8], value: &[u8]) -> Result<Vec<u8>> {
    message::compress(&settings(parameters)?, value)
}

pub(super) fn decompress(parameters: &[u8], bytes: &[u8]) -> Result<Vec<u8>> {
    message::decompress(&settings(parameters)?, bytes)
}

fn settings(parameters: &[u8]) -> Result<CompressionSettings> {
    match tree::decode(parameters)? {
        Value::Map(map) => alone::compression(map),
        _ => Err(Error::Internal("the parameters of a compression are not a map".into())),
    }
}

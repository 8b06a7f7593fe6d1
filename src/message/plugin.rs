//! Stages that the program brings along: compressions and ciphers that are not built in.

use crate::error::Result;

/// What a configuration that names such a stage needs. Called on the thread that writes or reads.
pub(crate) trait Plugin: Send + Sync {
    fn compress(&self, value: &[u8]) -> Result<Vec<u8>>;
    fn decompress(&self, bytes: &[u8]) -> Result<Vec<u8>>;
    /// The version of the key, and what stands in the message after the header.
    fn encrypt(&self, record: &[u8]) -> Result<(u16, Vec<u8>)>;
    /// `version` is 0 when the message has no header.
    fn decrypt(&self, bytes: &[u8], version: u16) -> Result<Vec<u8>>;
}

//! Stages that the program provides: compressions and ciphers that are not built in.

use crate::error::Result;

/// The stages that a configuration names. They are called on the thread that writes or reads.
pub(crate) trait Plugin: Send + Sync {
    fn compress(&self, value: &[u8]) -> Result<Vec<u8>>;
    fn decompress(&self, bytes: &[u8]) -> Result<Vec<u8>>;
    /// Returns the version of the key, and the bytes after the header of the message.
    fn encrypt(&self, record: &[u8]) -> Result<(u16, Vec<u8>)>;
    /// Returns the record. `version` is 0 if the message has no header.
    fn decrypt(&self, bytes: &[u8], version: u16) -> Result<Vec<u8>>;
}

//! The compression of values: `gzip` (zlib, RFC 1950), `zstd` (RFC 8878) and `lz4` (its frame format). Nothing on the wire
//! names the algorithm: writer and reader agree on it by their configuration.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use zstd::bulk;
use zstd::zstd_safe::{self, DCtx, InBuffer, OutBuffer};

use super::plugin::Plugin;
use crate::config::{Algorithm, CompressionSettings};
use crate::error::{Error, Result};
use crate::lock::lock;

/// The number of codecs that are kept for the next message; if more threads work at a time, the others make their own.
const MAX_IDLE: usize = 8;
const DEFAULT_GZIP: u32 = 6;
/// The initial capacity for a value whose size is not announced.
const FIRST_ROOM: usize = 4096;

/// A compression algorithm with its codecs. Many threads may use one.
pub(super) struct Compressor {
    settings: CompressionSettings,
    plugin: Option<Arc<dyn Plugin>>,
    gzip: Idle<Compress>,
    gunzip: Idle<Decompress>,
    zstd: Idle<bulk::Compressor<'static>>,
    unzstd: Idle<DCtx<'static>>,
}

/// Codecs that are reused, because they are expensive to make.
struct Idle<T>(Mutex<Vec<T>>);

impl<T> Idle<T> {
    fn new() -> Idle<T> {
        Idle(Mutex::new(Vec::new()))
    }

    fn take(&self) -> Option<T> {
        lock(&self.0).pop()
    }

    fn keep(&self, one: T) {
        let mut idle = lock(&self.0);
        if idle.len() < MAX_IDLE {
            idle.push(one);
        }
    }
}

impl Compressor {
    pub fn new(settings: &CompressionSettings, plugin: Option<Arc<dyn Plugin>>) -> Compressor {
        Compressor {
            plugin,
            settings: settings.clone(),
            gzip: Idle::new(),
            gunzip: Idle::new(),
            zstd: Idle::new(),
            unzstd: Idle::new(),
        }
    }

    /// Appends the compressed value to `to`.
    pub fn compress(&self, value: &[u8], to: &mut Vec<u8>) -> Result<()> {
        let failed = |what: String| Error::Io(format!("the value can't be compressed: {what}").into());
        match self.settings.algorithm {
            Algorithm::Gzip => self.gzip(value, to).map_err(failed),
            Algorithm::Zstd => self.zstd(value, to).map_err(|e| failed(e.to_string())),
            Algorithm::Lz4 => lz4(value, to).map_err(failed),
            Algorithm::Plugin => {
                to.extend_from_slice(&self.plugin()?.compress(value)?);
                Ok(())
            }
        }
    }

    fn plugin(&self) -> Result<&Arc<dyn Plugin>> {
        self.plugin.as_ref().ok_or_else(|| Error::Internal("no plugin for the compression".into()))
    }

    fn gzip(&self, value: &[u8], to: &mut Vec<u8>) -> std::result::Result<(), String> {
        let level = self.settings.level.and_then(|level| u32::try_from(level).ok()).unwrap_or(DEFAULT_GZIP);
        let mut gzip = self.gzip.take().unwrap_or_else(|| Compress::new(Compression::new(level), true));
        gzip.reset();
        // In the worst case zlib uses stored blocks.
        to.reserve(value.len() + value.len() / 1000 + 64);
        loop {
            let done = gzip.total_in() as usize;
            match gzip.compress_vec(&value[done..], to, FlushCompress::Finish).map_err(|e| e.to_string())? {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError => to.reserve(value.len() / 8 + 64),
            }
        }
        self.gzip.keep(gzip);
        Ok(())
    }

    fn zstd(&self, value: &[u8], to: &mut Vec<u8>) -> std::io::Result<()> {
        let mut zstd = match self.zstd.take() {
            Some(zstd) => zstd,
            None => bulk::Compressor::new(self.settings.level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL))?,
        };
        let start = to.len();
        to.resize(start + zstd_safe::compress_bound(value.len()), 0);
        let length = zstd.compress_to_buffer(value, &mut to[start..])?;
        to.truncate(start + length);
        self.zstd.keep(zstd);
        Ok(())
    }

    /// Returns the value of these bytes. Bytes after its end are ignored.
    pub fn decompress(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let limit = self.settings.max_decompressed_bytes;
        let (name, value) = match self.settings.algorithm {
            Algorithm::Gzip => ("gzip", self.gunzip(bytes, limit)),
            Algorithm::Zstd => ("zstd", self.unzstd(bytes, limit)),
            Algorithm::Lz4 => ("lz4", unlz4(bytes, limit)),
            Algorithm::Plugin => {
                let value = self.plugin()?.decompress(bytes)?;
                ("plugin", if value.len() > limit { Err(Failure::TooLarge) } else { Ok(value) })
            }
        };
        value.map_err(|failure| {
            Error::InvalidMessage(match failure {
                Failure::Damaged(why) => format!("the value can't be decompressed as {name}: {why}"),
                Failure::TooLarge => format!(
                    "the value is larger than {limit} bytes when it is decompressed ('max_decompressed_bytes' of 'compression')"
                ),
            })
        })
    }

    fn gunzip(&self, bytes: &[u8], limit: usize) -> std::result::Result<Vec<u8>, Failure> {
        let mut gunzip = self.gunzip.take().unwrap_or_else(|| Decompress::new(true));
        gunzip.reset(true);
        let mut value = Vec::with_capacity(bytes.len().saturating_mul(3).clamp(64, FIRST_ROOM.max(bytes.len())));
        loop {
            let (read, written) = (gunzip.total_in() as usize, gunzip.total_out());
            let status = gunzip
                .decompress_vec(&bytes[read..], &mut value, FlushDecompress::None)
                .map_err(|e| Failure::Damaged(e.to_string()))?;
            if value.len() > limit {
                return Err(Failure::TooLarge);
            }
            match status {
                Status::StreamEnd => break,
                _ if value.len() == value.capacity() => grow(&mut value, limit),
                _ if gunzip.total_in() as usize == read && gunzip.total_out() == written => {
                    return Err(Failure::Damaged("its end is missing".into()));
                }
                _ => {}
            }
        }
        self.gunzip.keep(gunzip);
        Ok(value)
    }

    fn unzstd(&self, bytes: &[u8], limit: usize) -> std::result::Result<Vec<u8>, Failure> {
        let announced = zstd_safe::get_frame_content_size(bytes).ok().flatten();
        if announced.is_some_and(|size| size > limit as u64) {
            return Err(Failure::TooLarge);
        }
        let mut context = self.unzstd.take().unwrap_or_else(DCtx::create);
        // An announced size may be false, so the buffer grows with the bytes that really come.
        let first = announced.map_or(FIRST_ROOM, |size| size as usize).min(limit).min(bytes.len().saturating_mul(64));
        let mut value = Vec::with_capacity(first.max(64));
        let mut input = InBuffer::around(bytes);
        loop {
            let before = (input.pos(), value.len());
            let length = value.len();
            let mut output = OutBuffer::around_pos(&mut value, length);
            let left = context
                .decompress_stream(&mut output, &mut input)
                .map_err(|code| Failure::Damaged(zstd_safe::get_error_name(code).to_owned()))?;
            if value.len() > limit {
                return Err(Failure::TooLarge);
            }
            if left == 0 {
                break;
            }
            if value.len() == value.capacity() {
                grow(&mut value, limit);
            } else if before == (input.pos(), value.len()) {
                return Err(Failure::Damaged("its end is missing".into()));
            }
        }
        self.unzstd.keep(context);
        Ok(value)
    }
}

/// The reason why there is no value.
enum Failure {
    Damaged(String),
    TooLarge,
}

/// Grows the buffer for a value, up to one byte above the limit, which shows that the value is too large.
fn grow(value: &mut Vec<u8>, limit: usize) {
    let more = value.len().clamp(64, 16 << 20).min((limit + 1).saturating_sub(value.len())).max(1);
    value.reserve_exact(more);
}

fn lz4(value: &[u8], to: &mut Vec<u8>) -> std::result::Result<(), String> {
    let info = FrameInfo::new().content_size(Some(value.len() as u64)).block_size(BlockSize::Auto);
    let mut encoder = FrameEncoder::with_frame_info(info, to);
    encoder.write_all(value).map_err(|e| e.to_string())?;
    encoder.finish().map_err(|e| e.to_string())?;
    Ok(())
}

fn unlz4(bytes: &[u8], limit: usize) -> std::result::Result<Vec<u8>, Failure> {
    let mut value = Vec::new();
    FrameDecoder::new(Whole(bytes))
        .take(limit as u64 + 1)
        .read_to_end(&mut value)
        .map_err(|e| Failure::Damaged(e.to_string()))?;
    if value.len() > limit { Err(Failure::TooLarge) } else { Ok(value) }
}

/// Input that must be complete: otherwise the decoder would take the end of the bytes, if a block ends there, for the end of
/// the frame.
struct Whole<'a>(&'a [u8]);

impl Read for Whole<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() && !to.is_empty() {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "its end is missing"));
        }
        self.0.read(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compressor(algorithm: Algorithm, limit: usize) -> Compressor {
        let parameters = crate::config::Map::new();
        Compressor::new(
            &CompressionSettings { algorithm, level: None, max_decompressed_bytes: limit, parameters },
            None,
        )
    }

    const ALL: [Algorithm; 3] = [Algorithm::Gzip, Algorithm::Zstd, Algorithm::Lz4];

    fn compressed(compressor: &Compressor, value: &[u8]) -> Vec<u8> {
        let mut to = vec![7];
        compressor.compress(value, &mut to).unwrap();
        assert_eq!(to.remove(0), 7);
        to
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit_and_not_before() {
        for algorithm in ALL {
            let compressor = compressor(algorithm, 100_000);
            let fits = compressed(&compressor, &vec![b'x'; 100_000]);
            assert_eq!(compressor.decompress(&fits).unwrap().len(), 100_000, "{algorithm:?}");
            let bomb = compressed(&compressor, &vec![b'x'; 100_001]);
            let error = compressor.decompress(&bomb).unwrap_err();
            assert!(error.to_string().contains("larger than 100000 bytes"), "{algorithm:?}: {error}");
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        for algorithm in ALL {
            let compressor = compressor(algorithm, 1 << 20);
            let whole =
                compressed(&compressor, b"the quick brown fox jumps over the lazy dog, and again the quick brown fox");
            for length in 0..whole.len() {
                let result = compressor.decompress(&whole[..length]);
                assert!(matches!(result, Err(Error::InvalidMessage(_))), "{algorithm:?} {length}");
            }
        }
    }

    proptest! {
        #[test]
        fn values_round_trip(value: Vec<u8>, times in 0usize..5) {
            let value = value.repeat(times * times);
            for algorithm in ALL {
                let compressor = compressor(algorithm, 1 << 20);
                for _ in 0..2 {
                    let bytes = compressed(&compressor, &value);
                    prop_assert_eq!(compressor.decompress(&bytes), Ok(value.clone()), "{:?}", algorithm);
                }
            }
        }

        #[test]
        fn any_bytes_are_a_value_or_an_error(bytes: Vec<u8>, flip: prop::sample::Index) {
            for algorithm in ALL {
                let compressor = compressor(algorithm, 1 << 16);
                let _ = compressor.decompress(&bytes);
                let mut damaged = compressed(&compressor, &bytes);
                let at = flip.index(damaged.len());
                damaged[at] ^= 0x10;
                let _ = compressor.decompress(&damaged);
                // The state that a damaged message leaves behind must not disturb later ones.
                let bytes_again = compressed(&compressor, &bytes);
                prop_assert_eq!(compressor.decompress(&bytes_again), Ok(bytes.clone()));
            }
        }
    }
}

//! AES with one key, in the modes that SINETStream knows (NIST SP 800-38A and 800-38D; EAX: Bellare, Rogaway and Wagner).
//! `padding` has a file of its own.

use std::borrow::Cow;

use aes::cipher::array::Array;
use aes::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser, InnerIvInit, KeyInit,
    StreamCipher,
    consts::{U8, U16},
};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::AeadInOut;
use zeroize::Zeroizing;

use super::padding;
use crate::config::{Mode, Padding};
use crate::error::{Error, Result};
use crate::wiped::{self, LARGE, SMALL};

/// The length of an initialization vector, a nonce or a first counter block.
pub(super) const IV: usize = 16;
pub(super) const MAX_TAG: usize = 16;

/// A key in use.
pub(super) struct Cipher {
    mode: Mode,
    padding: Padding,
    aes: Box<dyn Aes + Send + Sync>,
}

impl Cipher {
    /// Prepares a key of 16, 24 or 32 bytes.
    pub fn new(mode: Mode, padding: Padding, key: &[u8]) -> Result<Cipher> {
        // The key leaves copies on the stack on its way to the heap.
        let aes: Box<dyn Aes + Send + Sync> = wiped::on_the_stack::<LARGE, _>(|| match key.len() {
            16 => keyed::<Aes128>(mode, key),
            24 => keyed::<Aes192>(mode, key),
            32 => keyed::<Aes256>(mode, key),
            other => Err(Error::Internal(format!("a key of {other} bytes"))),
        })?;
        Ok(Cipher { mode, padding, aes })
    }

    /// Returns by how many bytes a text can grow at most.
    pub fn overhead(&self) -> usize {
        MAX_TAG.max(padding::BLOCK)
    }

    /// Encrypts the bytes of `buffer` from `start` on, and appends the tag. The bytes before `start` are the initialization
    /// vector. The tag also covers the bytes from `aad` on, which are the salt and the initialization vector, and after them
    /// the topic, if the message is to be bound to it.
    pub fn seal(&self, buffer: &mut Vec<u8>, aad: usize, start: usize, topic: Option<&str>) -> Result<()> {
        wiped::on_the_stack::<SMALL, _>(|| self.sealed(buffer, aad, start, topic))
    }

    fn sealed(&self, buffer: &mut Vec<u8>, aad: usize, start: usize, topic: Option<&str>) -> Result<()> {
        padding::pad(self.padding, buffer, start);
        let (head, text) = buffer.split_at_mut(start);
        let (head, iv) = (&head[aad..], last_block(head)?);
        match self.mode {
            Mode::Cbc => self.aes.cbc_encrypt(&iv, text),
            Mode::Cfb => self.aes.cfb_encrypt(&iv, text),
            Mode::Cfb8 => self.aes.cfb8_encrypt(&iv, text),
            Mode::Ofb => self.aes.ofb(&iv, text),
            Mode::Ctr => self.aes.ctr(&iv, text),
            Mode::Eax | Mode::Gcm => {
                let tag = self
                    .aes
                    .seal(&iv, &with_topic(head, topic), text)
                    .ok_or_else(|| Error::Io("the message is too long to be encrypted".into()))?;
                buffer.extend_from_slice(&tag);
                return Ok(());
            }
        }
        .ok_or_else(|| Error::Internal("a text that is not whole blocks".into()))
    }

    /// Decrypts the bytes of `buffer` from `start` on, and returns how many bytes the text has.
    pub fn open(&self, buffer: &mut [u8], aad: usize, start: usize, topic: Option<&str>) -> Result<usize> {
        wiped::on_the_stack::<SMALL, _>(|| self.opened(buffer, aad, start, topic))
    }

    fn opened(&self, buffer: &mut [u8], aad: usize, start: usize, topic: Option<&str>) -> Result<usize> {
        let (head, text) = buffer.split_at_mut(start);
        let (head, iv) = (&head[aad..], last_block(head)?);
        let whole = match self.mode {
            Mode::Cbc => self.aes.cbc_decrypt(&iv, text).map(|()| text.len()),
            Mode::Cfb => self.aes.cfb_decrypt(&iv, text).map(|()| text.len()),
            Mode::Cfb8 => self.aes.cfb8_decrypt(&iv, text).map(|()| text.len()),
            Mode::Ofb => self.aes.ofb(&iv, text).map(|()| text.len()),
            Mode::Ctr => self.aes.ctr(&iv, text).map(|()| text.len()),
            Mode::Eax | Mode::Gcm => self.aes.open(&iv, &with_topic(head, topic), text),
        };
        let length = whole.ok_or_else(|| match self.mode {
            Mode::Eax | Mode::Gcm if topic.is_some() => invalid(
                "another key, or the message was changed on its way, or it was written for another topic or without \
                 'crypto.bind_topic'",
            ),
            Mode::Eax | Mode::Gcm => invalid(
                "another key, or the message was changed on its way, or it is bound to a topic ('crypto.bind_topic')",
            ),
            _ => invalid("it is not whole blocks"),
        })?;
        padding::unpadded(self.padding, &text[..length])
            .ok_or_else(|| invalid("another key, another padding, or a damaged message"))
    }
}

fn invalid(why: &str) -> Error {
    Error::InvalidMessage(format!("the message can't be decrypted: {why}"))
}

/// Returns the additional data of the tag. Salt and initialization vector have the same lengths in all messages of a
/// configuration, so these bytes have only one meaning.
fn with_topic<'a>(head: &'a [u8], topic: Option<&str>) -> Cow<'a, [u8]> {
    match topic {
        None => Cow::Borrowed(head),
        Some(topic) => Cow::Owned([head, topic.as_bytes()].concat()),
    }
}

fn last_block(head: &[u8]) -> Result<[u8; IV]> {
    head.last_chunk().copied().ok_or_else(|| Error::Internal("no initialisation vector".into()))
}

/// The operations of the modes, for every length of key. `None` means that the text has the wrong length, or that the tag is
/// wrong.
trait Aes {
    fn cbc_encrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn cbc_decrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn cfb_encrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn cfb_decrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn cfb8_encrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn cfb8_decrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn ofb(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn ctr(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn seal(&self, nonce: &[u8; IV], aad: &[u8], text: &mut [u8]) -> Option<Vec<u8>>;
    /// Returns the length of the text, which precedes its tag.
    fn open(&self, nonce: &[u8; IV], aad: &[u8], text: &mut [u8]) -> Option<usize>;
}

struct Keyed<A> {
    aes: A,
    aead: Aead<A>,
}

enum Aead<A> {
    None,
    /// The key of EAX, whose implementation is set up anew for each message.
    Eax(Zeroizing<Vec<u8>>),
    Gcm(Box<aes_gcm::AesGcm<A, U16>>),
}

fn keyed<A>(mode: Mode, key: &[u8]) -> Result<Box<dyn Aes + Send + Sync>>
where
    A: KeyInit
        + Clone
        + BlockSizeUser<BlockSize = U16>
        + BlockCipherEncrypt
        + BlockCipherDecrypt
        + Send
        + Sync
        + 'static,
{
    let aes = A::new_from_slice(key).map_err(|_| Error::Internal("a key of the wrong length".into()))?;
    let aead = match mode {
        Mode::Gcm => Aead::Gcm(Box::new(aes.clone().into())),
        Mode::Eax => Aead::Eax(Zeroizing::new(key.to_vec())),
        Mode::Cbc | Mode::Cfb | Mode::Cfb8 | Mode::Ofb | Mode::Ctr => Aead::None,
    };
    Ok(Box::new(Keyed { aes, aead }))
}

fn blocks(text: &mut [u8]) -> Option<&mut [Array<u8, U16>]> {
    let (blocks, rest) = Array::slice_as_chunks_mut(text);
    rest.is_empty().then_some(blocks)
}

impl<A> Aes for Keyed<A>
where
    A: KeyInit + Clone + BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + BlockCipherDecrypt,
{
    fn cbc_encrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()> {
        cbc::Encryptor::inner_iv_init(&self.aes, iv.into()).encrypt_blocks(blocks(text)?);
        Some(())
    }

    fn cbc_decrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()> {
        cbc::Decryptor::inner_iv_init(&self.aes, iv.into()).decrypt_blocks(blocks(text)?);
        Some(())
    }

    fn cfb_encrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()> {
        cfb_mode::Encryptor::inner_iv_init(self.aes.clone(), iv.into()).encrypt(text);
        Some(())
    }

    fn cfb_decrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()> {
        cfb_mode::Decryptor::inner_iv_init(self.aes.clone(), iv.into()).decrypt(text);
        Some(())
    }

    fn cfb8_encrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()> {
        cfb8::Encryptor::inner_iv_init(self.aes.clone(), iv.into()).encrypt(text);
        Some(())
    }

    fn cfb8_decrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()> {
        cfb8::Decryptor::inner_iv_init(self.aes.clone(), iv.into()).decrypt(text);
        Some(())
    }

    fn ofb(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()> {
        let core = ofb::OfbCore::inner_iv_init(&self.aes, iv.into());
        aes::cipher::StreamCipherCoreWrapper::from_core(core).try_apply_keystream(text).ok()
    }

    fn ctr(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()> {
        let core = ctr::CtrCore::<_, ctr::flavors::Ctr128BE>::inner_iv_init(&self.aes, iv.into());
        aes::cipher::StreamCipherCoreWrapper::from_core(core).try_apply_keystream(text).ok()
    }

    fn seal(&self, nonce: &[u8; IV], aad: &[u8], text: &mut [u8]) -> Option<Vec<u8>> {
        match &self.aead {
            Aead::None => None,
            Aead::Eax(key) => {
                let eax = eax::Eax::<A, U8>::new_from_slice(key).ok()?;
                eax.encrypt_inout_detached(nonce.into(), aad, text.into()).ok().map(|tag| tag.to_vec())
            }
            Aead::Gcm(gcm) => gcm.encrypt_inout_detached(nonce.into(), aad, text.into()).ok().map(|tag| tag.to_vec()),
        }
    }

    fn open(&self, nonce: &[u8; IV], aad: &[u8], text: &mut [u8]) -> Option<usize> {
        match &self.aead {
            Aead::None => None,
            Aead::Eax(key) => {
                let (text, tag) = text.split_last_chunk_mut::<8>()?;
                let eax = eax::Eax::<A, U8>::new_from_slice(key).ok()?;
                let length = text.len();
                eax.decrypt_inout_detached(nonce.into(), aad, text.into(), (&*tag).into()).ok().map(|()| length)
            }
            Aead::Gcm(gcm) => {
                let (text, tag) = text.split_last_chunk_mut::<16>()?;
                let length = text.len();
                gcm.decrypt_inout_detached(nonce.into(), aad, text.into(), (&*tag).into()).ok().map(|()| length)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
    }

    /// The expected bytes are from NIST SP 800-38A, sections F.3.13 and F.3.7.
    #[test]
    fn cfb_gives_the_published_bytes() {
        let key = bytes("2b7e151628aed2a6abf7158809cf4f3c");
        let text = bytes("6bc1bee22e409f96e93d7e117393172aae2d");
        let iv: Vec<u8> = (0..16).collect();
        for (mode, expected) in
            [(Mode::Cfb, "3b3fd92eb72dad20333449f8e83cfb4ac8a6"), (Mode::Cfb8, "3b79424c9c0dd436bace9e0ed4586a4f32b9")]
        {
            let cipher = Cipher::new(mode, Padding::None, &key).expect("a cipher");
            let mut buffer = [iv.as_slice(), &text].concat();
            cipher.seal(&mut buffer, 0, 16, None).expect("encrypted");
            assert_eq!(buffer[16..], bytes(expected), "{mode:?}");
            assert_eq!(cipher.open(&mut buffer, 0, 16, None).expect("decrypted"), text.len());
            assert_eq!(buffer[16..], text, "{mode:?}");
        }
    }
}

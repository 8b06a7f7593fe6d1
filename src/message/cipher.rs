//! AES in the modes that SINETStream knows (NIST SP 800-38A and 800-38D; EAX: Bellare, Rogaway and Wagner), with one key.

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

use crate::config::Mode;
use crate::error::{Error, Result};
use crate::wiped::{self, LARGE, SMALL};

/// Initialisation vector, nonce or first counter block.
pub(super) const IV: usize = 16;
const BLOCK: usize = 16;
pub(super) const MAX_TAG: usize = 16;

/// A key in use.
pub(super) struct Cipher {
    mode: Mode,
    padding: bool,
    aes: Box<dyn Aes + Send + Sync>,
}

impl Cipher {
    /// `key` has 16, 24 or 32 bytes.
    pub fn new(mode: Mode, padding: bool, key: &[u8]) -> Result<Cipher> {
        // On its way to the heap the key leaves copies behind.
        let aes: Box<dyn Aes + Send + Sync> = wiped::on_the_stack::<LARGE, _>(|| match key.len() {
            16 => keyed::<Aes128>(mode, key),
            24 => keyed::<Aes192>(mode, key),
            32 => keyed::<Aes256>(mode, key),
            other => Err(Error::Internal(format!("a key of {other} bytes"))),
        })?;
        Ok(Cipher { mode, padding, aes })
    }

    /// How many bytes come on top of a text at most.
    pub fn overhead(&self) -> usize {
        MAX_TAG.max(BLOCK)
    }

    /// Encrypts what stands in `buffer` from `start` on, and appends the tag. The initialisation vector is the bytes before
    /// `start`; with the salt, from `aad` on, it is what the tag covers besides. Behind them comes the topic, if the message
    /// is to be bound to it.
    pub fn seal(&self, buffer: &mut Vec<u8>, aad: usize, start: usize, topic: Option<&str>) -> Result<()> {
        wiped::on_the_stack::<SMALL, _>(|| self.sealed(buffer, aad, start, topic))
    }

    fn sealed(&self, buffer: &mut Vec<u8>, aad: usize, start: usize, topic: Option<&str>) -> Result<()> {
        if self.padding {
            let rest = BLOCK - (buffer.len() - start) % BLOCK;
            buffer.resize(buffer.len() + rest, rest as u8);
        }
        let (head, text) = buffer.split_at_mut(start);
        let (head, iv) = (&head[aad..], last_block(head)?);
        match self.mode {
            Mode::Cbc => self.aes.cbc_encrypt(&iv, text),
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

    /// Decrypts what stands in `buffer` from `start` on, and returns how many bytes that are then.
    pub fn open(&self, buffer: &mut [u8], aad: usize, start: usize, topic: Option<&str>) -> Result<usize> {
        wiped::on_the_stack::<SMALL, _>(|| self.opened(buffer, aad, start, topic))
    }

    fn opened(&self, buffer: &mut [u8], aad: usize, start: usize, topic: Option<&str>) -> Result<usize> {
        let (head, text) = buffer.split_at_mut(start);
        let (head, iv) = (&head[aad..], last_block(head)?);
        let whole = match self.mode {
            Mode::Cbc => self.aes.cbc_decrypt(&iv, text).map(|()| text.len()),
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
        if self.padding {
            return unpadded(&text[..length]).ok_or_else(|| invalid("another key, or a damaged message"));
        }
        Ok(length)
    }
}

fn invalid(why: &str) -> Error {
    Error::InvalidMessage(format!("the message can't be decrypted: {why}"))
}

/// Salt and initialisation vector have the same lengths in all messages of a configuration, so this has one meaning.
fn with_topic<'a>(head: &'a [u8], topic: Option<&str>) -> Cow<'a, [u8]> {
    match topic {
        None => Cow::Borrowed(head),
        Some(topic) => Cow::Owned([head, topic.as_bytes()].concat()),
    }
}

fn last_block(head: &[u8]) -> Result<[u8; IV]> {
    head.last_chunk().copied().ok_or_else(|| Error::Internal("no initialisation vector".into()))
}

/// The length without PKCS#7's padding (RFC 5652, section 6.3).
fn unpadded(text: &[u8]) -> Option<usize> {
    let last = *text.last()?;
    let rest = text.len().checked_sub(usize::from(last)).filter(|_| (1..=BLOCK as u8).contains(&last))?;
    text[rest..].iter().all(|byte| *byte == last).then_some(rest)
}

/// What the modes need, for every length of key. `None`: the text has the wrong length, or the tag is wrong.
trait Aes {
    fn cbc_encrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn cbc_decrypt(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn ofb(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn ctr(&self, iv: &[u8; IV], text: &mut [u8]) -> Option<()>;
    fn seal(&self, nonce: &[u8; IV], aad: &[u8], text: &mut [u8]) -> Option<Vec<u8>>;
    /// The length of the text, which stands before its tag.
    fn open(&self, nonce: &[u8; IV], aad: &[u8], text: &mut [u8]) -> Option<usize>;
}

struct Keyed<A> {
    aes: A,
    aead: Aead<A>,
}

enum Aead<A> {
    None,
    /// Its implementation takes the key anew for each message.
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
        Mode::Cbc | Mode::Ofb | Mode::Ctr => Aead::None,
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

//! The bounds for opening an encrypted private key. The file itself says how often its password is hashed, and with how much
//! memory; without a bound a file of some hundred bytes would keep a processor busy for hours.

use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;

/// The bound for PBKDF2: some seconds.
pub(super) const MAX_ITERATIONS: u32 = 10_000_000;
/// The bound for scrypt, N · r · p: some seconds and, because a block has 128 bytes, up to 128 MiB.
pub(super) const MAX_BLOCKS: u64 = 1 << 20;

/// Returns why opening the key takes too much, if it does.
pub(super) fn excess(scheme: &EncryptionScheme) -> Option<String> {
    match &scheme.pbes2()?.kdf {
        Kdf::Pbkdf2(pbkdf2) => {
            let found = pbkdf2.iteration_count;
            (found > MAX_ITERATIONS).then(|| format!("{found} iterations of PBKDF2, more than {MAX_ITERATIONS}"))
        }
        Kdf::Scrypt(scrypt) => {
            let (n, r, p) = (scrypt.cost_parameter, scrypt.block_size, scrypt.parallelization);
            let blocks = n.saturating_mul(r.into()).saturating_mul(p.into());
            // A zero in the parameters leaves nothing to compute.
            (!(1..=MAX_BLOCKS).contains(&blocks))
                .then(|| format!("scrypt with N = {n}, r = {r}, p = {p}, whose product is not from 1 to {MAX_BLOCKS}"))
        }
        _ => None,
    }
}

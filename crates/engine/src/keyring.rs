//! Keys for what must be kept secret at rest: connection secrets, sessions, checkpoint signatures.
//!
//! A [`Keyring`] holds one or more keys of 32 bytes: the newest seals, all of them open, so that a key can be replaced without a moment
//! in which secrets cannot be read. A sealed secret is bound to its account and connection ([`crate::facts::secret_place`]): copied into another row
//! it does not open. The cipher is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), whose nonces are long enough to be random.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use ringback_connect::Secret;
use ringback_core::effect::hex;
use ringback_core::id::AccountId;
use ringback_store::{self as store, Site};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 24;
/// The most keys that one file may hold.
pub const KEYS_MAX: usize = 64;

/// A secret as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Which key sealed it.
    pub key_id: String,
    /// Base64 of nonce and ciphertext.
    pub text: String,
}

/// Why a secret could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No key of that id is on this node.
    #[error("the key {0} is not in the key file; put the file back that held it")]
    UnknownKey(String),
    /// It was changed, moved to another connection, or sealed by another key of the same name.
    #[error("the secret does not open: it was changed, or belongs to another connection")]
    Broken,
    /// The key file is not one.
    #[error("line {line} of the key file is wrong: {cause}")]
    Line { line: usize, cause: &'static str },
    #[error("the key file has no key")]
    Empty,
    #[error("the key file cannot be read: {0}")]
    File(String),
}

/// The keys of this node, oldest first.
#[derive(Clone)]
pub struct Keyring {
    /// Never empty; the last one seals.
    keys: Vec<(String, [u8; KEY_BYTES])>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

impl Keyring {
    /// A keyring of one key made of these random bytes; its id is derived from the key.
    pub fn generate(random: [u8; KEY_BYTES]) -> Self {
        Self { keys: vec![(key_id(&random), random)] }
    }

    /// Adds a newer key of these random bytes: it seals from now on, the others still open.
    #[must_use]
    pub fn with_newer(mut self, random: [u8; KEY_BYTES]) -> Self {
        self.keys.retain(|(_, key)| *key != random);
        self.keys.push((key_id(&random), random));
        self
    }

    /// Reads the file's form: a line `id:base64` per key, oldest first; empty lines and lines that begin with `#` do not count.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let mut keys: Vec<(String, [u8; KEY_BYTES])> = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let line_at = n + 1;
            let wrong = |cause| KeyError::Line { line: line_at, cause };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (id, key) = line.split_once(':').ok_or_else(|| wrong("it has no colon between id and key"))?;
            let (id, key) = (id.trim(), key.trim());
            if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                return Err(wrong("the id may hold letters, digits, - and _ only"));
            }
            let bytes = STANDARD.decode(key).map_err(|_| wrong("the key is not base64"))?;
            let key: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| wrong("the key is not 32 bytes"))?;
            if keys.iter().any(|(known, _)| known == id) {
                return Err(wrong("the id stands there twice"));
            }
            if keys.len() >= KEYS_MAX {
                return Err(wrong("the file holds too many keys"));
            }
            keys.push((id.to_owned(), key));
        }
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self { keys }) }
    }

    /// The file's form.
    pub fn to_text(&self) -> String {
        let lines: Vec<String> = self.keys.iter().map(|(id, key)| format!("{id}:{}", STANDARD.encode(key))).collect();
        lines.join("\n") + "\n"
    }

    /// Reads a key file.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(path).map_err(|e| KeyError::File(format!("{}: {e}", path.display())))?;
        Self::from_text(&text)
    }

    /// The id of the key that seals.
    pub fn newest_id(&self) -> &str {
        self.keys.last().map_or("", |(id, _)| id.as_str())
    }

    /// Seals a secret for the place that `aad` names ([`crate::facts::secret_place`]). The nonce must be random and never used before.
    pub fn seal(&self, plain: &str, aad: &str, nonce: [u8; NONCE_BYTES]) -> Sealed {
        let key = self.keys.last().map_or([0; KEY_BYTES], |(_, key)| *key);
        let payload = Payload { msg: plain.as_bytes(), aad: aad.as_bytes() };
        // The cipher refuses only texts of more than 256 GiB; an empty text then opens nowhere, which is the safe side.
        let cipher = XChaCha20Poly1305::new(Key::from_slice(&key));
        let cipher_text = cipher.encrypt(XNonce::from_slice(&nonce), payload).unwrap_or_default();
        let mut bytes = nonce.to_vec();
        bytes.extend(cipher_text);
        Sealed { key_id: self.newest_id().to_owned(), text: STANDARD.encode(bytes) }
    }

    /// Opens what was sealed for the same place.
    pub fn open(&self, sealed: &Sealed, aad: &str) -> Result<Secret, KeyError> {
        let (_, key) = self
            .keys
            .iter()
            .find(|(id, _)| *id == sealed.key_id)
            .ok_or_else(|| KeyError::UnknownKey(sealed.key_id.clone()))?;
        let bytes = STANDARD.decode(&sealed.text).map_err(|_| KeyError::Broken)?;
        let (nonce, cipher_text) = bytes.split_at_checked(NONCE_BYTES).ok_or(KeyError::Broken)?;
        let cipher = XChaCha20Poly1305::new(Key::from_slice(key));
        let payload = Payload { msg: cipher_text, aad: aad.as_bytes() };
        let plain = cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| KeyError::Broken)?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| KeyError::Broken)
    }

    /// Seals again under the newest key; `None` when it is sealed by that key already.
    pub fn rotate(&self, sealed: &Sealed, aad: &str, nonce: [u8; NONCE_BYTES]) -> Result<Option<Sealed>, KeyError> {
        if sealed.key_id == self.newest_id() {
            return Ok(None);
        }
        self.open(sealed, aad).map(|plain| Some(self.seal(plain.reveal(), aad, nonce)))
    }

    /// The public halves of the keys that sign proofs, oldest first: key id and hexadecimal Ed25519 key. The last one signs. Kept outside,
    /// they are what a proof is checked against.
    pub fn proof_keys(&self) -> Vec<(String, String)> {
        self.keys
            .iter()
            .filter_map(|(id, key)| Some((id.clone(), hex(proof_pair(key)?.public_key().as_ref()))))
            .collect()
    }

    /// Signs the end of a proof, or of a record's trail, with Ed25519 under a key derived for nothing else.
    pub fn sign_proof(&self, bytes: &[u8]) -> String {
        let pair = self.keys.last().and_then(|(_, key)| proof_pair(key));
        pair.map(|pair| hex(pair.sign(bytes).as_ref())).unwrap_or_default()
    }

    /// Signs the hash of a checkpoint: `key id:hexadecimal HMAC-SHA256` under a key derived for nothing else.
    pub fn sign_checkpoint(&self, bytes: &[u8]) -> String {
        let (id, key) = self.keys.last().map_or(("", &[0; KEY_BYTES]), |(id, key)| (id.as_str(), key));
        format!("{id}:{}", hex(&checkpoint_mac(key, bytes).finalize().into_bytes()))
    }

    /// Is that the signature of one of this node's keys?
    pub fn verify_checkpoint(&self, bytes: &[u8], signature: &str) -> Result<(), KeyError> {
        let (id, given) = signature.split_once(':').ok_or(KeyError::Broken)?;
        let (_, key) =
            self.keys.iter().find(|(known, _)| known == id).ok_or_else(|| KeyError::UnknownKey(id.to_owned()))?;
        let given = unhex(given).ok_or(KeyError::Broken)?;
        checkpoint_mac(key, bytes).verify_slice(&given).map_err(|_| KeyError::Broken)
    }
}

/// What is stored of a session's or an API token's text: SHA-256, hexadecimal. Enough, because the texts are random and long.
pub fn token_hash(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Does the signature of a proof hold under this public key? Needs no key file. Only the one spelling that [`Keyring::sign_proof`] writes counts.
pub fn proof_signed(public: &str, bytes: &[u8], signature: &str) -> bool {
    let plain = |text: &str| unhex(text).filter(|bytes| hex(bytes) == text);
    let (Some(public), Some(signature)) = (plain(public), plain(signature)) else { return false };
    UnparsedPublicKey::new(&ED25519, public).verify(bytes, &signature).is_ok()
}

fn proof_pair(key: &[u8; KEY_BYTES]) -> Option<Ed25519KeyPair> {
    let seed = Sha256::new().chain_update(b"ringback proof signature\n").chain_update(key).finalize();
    Ed25519KeyPair::from_seed_unchecked(&seed).ok()
}

fn key_id(key: &[u8; KEY_BYTES]) -> String {
    let digest = Sha256::new().chain_update(b"ringback key id\n").chain_update(key).finalize();
    format!("k{}", hex(digest.get(..6).unwrap_or_default()))
}

fn checkpoint_mac(key: &[u8; KEY_BYTES], bytes: &[u8]) -> Hmac<Sha256> {
    // A key of its own, so that a signature never helps against the cipher.
    let derived = Sha256::new().chain_update(b"ringback checkpoint signature\n").chain_update(key).finalize();
    let mut mac = new_mac(&derived);
    mac.update(bytes);
    mac
}

fn new_mac(key: &[u8]) -> Hmac<Sha256> {
    match <Hmac<Sha256> as Mac>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC-SHA256 accepts every key length"),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>();
    let digits = digits?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    Some(pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit)).collect())
}

impl crate::Engine {
    /// Seals a connection's secrets, newest first, for its row: the text of `sealed_secrets` and the `key_id` beside it.
    pub fn seal_secrets(&self, account: &str, connection: &str, secrets: &[Secret]) -> (String, String) {
        let place = crate::facts::secret_place(account, connection);
        let seal = |secret: &Secret| self.keyring().seal(secret.reveal(), &place, self.random());
        let sealed: Vec<Sealed> = secrets.iter().map(seal).collect();
        (serde_json::to_string(&sealed).unwrap_or_default(), self.keyring().newest_id().to_owned())
    }

    /// Seals every connection's secrets of an account again under the newest key; gives how many connections changed.
    pub async fn rotate_secrets(&self, account: &AccountId) -> Result<u64, crate::Error> {
        let id = account.as_str().to_owned();
        let rows = self.store().read(move |tx| Box::pin(async move { store::connections_all(tx, &id).await })).await?;
        let mut changed = 0;
        for row in rows.into_iter().filter(|row| !row.sealed_secrets.is_empty()) {
            let corrupt = |why: String| crate::Error::Corrupt { what: format!("connection {}", row.id), why };
            let place = crate::facts::secret_place(&row.account, &row.id);
            let mut sealed: Vec<Sealed> =
                serde_json::from_str(&row.sealed_secrets).map_err(|e| corrupt(e.to_string()))?;
            let mut moved = false;
            for one in &mut sealed {
                if let Some(again) =
                    self.keyring().rotate(one, &place, self.random()).map_err(|e| corrupt(e.to_string()))?
                {
                    *one = again;
                    moved = true;
                }
            }
            if !moved {
                continue;
            }
            let text = serde_json::to_string(&sealed).unwrap_or_default();
            let (key_id, at) = (self.keyring().newest_id().to_owned(), crate::micros(self.now()));
            self.store()
                .write(Site::Setup, move |tx| {
                    Box::pin(async move {
                        store::connection_secrets_set(tx, &row.account, &row.id, &text, &key_id, at).await
                    })
                })
                .await?;
            changed += 1;
        }
        self.facts_changed(account);
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(connection: &str) -> String {
        crate::facts::secret_place("acct_1", connection)
    }

    #[test]
    fn a_secret_opens_where_it_was_sealed_and_nowhere_else() {
        let ring = Keyring::generate([7; 32]);
        let sealed = ring.seal("pat-secret", &place("conn_1"), [1; 24]);
        assert!(!sealed.text.contains("pat-secret"));
        assert_eq!(ring.open(&sealed, &place("conn_1")).unwrap().reveal(), "pat-secret");
        assert_eq!(ring.open(&sealed, &place("conn_2")), Err(KeyError::Broken));
        let mut bytes = STANDARD.decode(&sealed.text).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let changed = Sealed { text: STANDARD.encode(bytes), ..sealed.clone() };
        assert_eq!(ring.open(&changed, &place("conn_1")), Err(KeyError::Broken));
        let other = Keyring::generate([8; 32]);
        assert_eq!(other.open(&sealed, &place("conn_1")), Err(KeyError::UnknownKey(sealed.key_id.clone())));
        let short = Sealed { text: STANDARD.encode([1, 2, 3]), ..sealed };
        assert_eq!(ring.open(&short, &place("conn_1")), Err(KeyError::Broken));
    }

    #[test]
    fn a_newer_key_seals_and_the_older_still_opens() {
        let old = Keyring::generate([7; 32]);
        let sealed = old.seal("secret", &place("conn_1"), [1; 24]);
        let ring = old.with_newer([9; 32]);
        assert_eq!(ring.open(&sealed, &place("conn_1")).unwrap().reveal(), "secret");
        let again = ring.rotate(&sealed, &place("conn_1"), [2; 24]).unwrap().unwrap();
        assert_eq!(again.key_id, Keyring::generate([9; 32]).newest_id());
        assert_eq!(ring.rotate(&again, &place("conn_1"), [3; 24]), Ok(None));
        assert_eq!(ring.open(&again, &place("conn_1")).unwrap().reveal(), "secret");
    }

    #[test]
    fn the_file_form_comes_back_and_says_what_is_wrong() {
        let ring = Keyring::generate([7; 32]).with_newer([9; 32]);
        let text = format!("# keys\n\n{}", ring.to_text());
        let back = Keyring::from_text(&text).unwrap();
        assert_eq!(back.to_text(), ring.to_text());
        assert_eq!(back.newest_id(), ring.newest_id());
        assert_eq!(Keyring::from_text("# nothing\n").unwrap_err(), KeyError::Empty);
        let cause = |text: &str| match Keyring::from_text(text).unwrap_err() {
            KeyError::Line { line, cause } => (line, cause),
            other => panic!("{other}"),
        };
        assert_eq!(cause("\nabc"), (2, "it has no colon between id and key"));
        assert_eq!(cause("a:AAAA"), (1, "the key is not 32 bytes"));
        assert_eq!(cause("a b:AAAA").1, "the id may hold letters, digits, - and _ only");
        let twice = format!("{0}{0}", Keyring::generate([7; 32]).to_text());
        assert_eq!(cause(&twice), (2, "the id stands there twice"));
        assert!(!format!("{ring:?}").contains(&STANDARD.encode([7; 32])));
    }

    #[test]
    fn a_checkpoint_signature_holds_for_its_bytes_only() {
        let ring = Keyring::generate([7; 32]);
        let signature = ring.sign_checkpoint(b"head");
        let newer = ring.with_newer([9; 32]);
        assert_eq!(newer.verify_checkpoint(b"head", &signature), Ok(()));
        assert_eq!(newer.verify_checkpoint(b"heat", &signature), Err(KeyError::Broken));
        assert!(Keyring::generate([8; 32]).verify_checkpoint(b"head", &signature).is_err());
    }

    #[test]
    fn a_proof_signature_needs_the_public_half_only() {
        let ring = Keyring::generate([7; 32]);
        let (_, public) = ring.proof_keys().pop().unwrap();
        let signature = ring.sign_proof(b"end");
        assert!(proof_signed(&public, b"end", &signature));
        assert!(!proof_signed(&public, b"and", &signature));
        assert!(!proof_signed(&public, b"end", &signature.to_uppercase()), "one spelling only");
        assert_ne!(Keyring::generate([8; 32]).proof_keys(), ring.proof_keys());
        assert!(!ring.to_text().contains(&public));
        // RFC 8032, 7.1, test 2.
        let (public, signature) = (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        assert!(proof_signed(public, &[0x72], signature));
    }

    #[test]
    fn hashes_are_those_of_the_published_vector() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(token_hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

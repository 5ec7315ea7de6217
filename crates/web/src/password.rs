//! Passwords, tokens and cookies: what is kept of them and how it is compared.

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use ringback_core::effect::hex;
use ringback_core::id::base32;
use sha2::{Digest, Sha256};

/// The longest password that is hashed: more would only be work for an attacker to order.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

fn argon2() -> Argon2<'static> {
    // 19 MiB, two passes, one lane: the first choice of the OWASP password storage sheet for Argon2id.
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// The hash of a password in PHC text form; `None` for one that is too long. `salt` are random bytes.
pub fn hash(password: &str, salt: [u8; 16]) -> Option<String> {
    if password.len() > PASSWORD_BYTES_MAX {
        return None;
    }
    argon2().hash_password_with_salt(password.as_bytes(), &salt).ok().map(|hash| hash.to_string())
}

/// Whether that password belongs to that hash. Takes tens of milliseconds on purpose: call it where blocking is allowed.
pub fn verify(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    password.len() <= PASSWORD_BYTES_MAX && argon2().verify_password(password.as_bytes(), &hash).is_ok()
}

/// A new API token and its hash for the store. `random` are random bytes; the token is shown once and stored nowhere.
pub fn token(random: [u8; 32]) -> (String, String) {
    let text = format!("rbt_{}", secret(random));
    let hash = token_hash(&text);
    (text, hash)
}

/// What the store knows of a token or cookie. They are long and random, so a plain hash is enough.
pub fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

pub(crate) fn secret(random: [u8; 32]) -> String {
    let half = |part: &[u8]| part.try_into().map(base32).unwrap_or_default();
    let (a, b) = random.split_at(16);
    half(a) + &half(b)
}

/// An e-mail address as accounts compare it.
pub fn fold_email(email: &str) -> String {
    email.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_hash_and_no_other() {
        let hash = hash("correct horse", [7; 16]).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("correct horse", &hash));
        assert!(!verify("correct horsf", &hash));
        assert!(!verify("correct horse", "no hash"));
        assert_eq!(super::hash(&"x".repeat(1_025), [7; 16]), None);
    }

    #[test]
    fn tokens_say_what_they_are_and_differ() {
        let (a, hash_a) = token([1; 32]);
        let (b, hash_b) = token([2; 32]);
        assert!(a.starts_with("rbt_") && a.len() == 56 && a != b && hash_a != hash_b);
        assert_eq!(token_hash(&a), hash_a);
    }
}

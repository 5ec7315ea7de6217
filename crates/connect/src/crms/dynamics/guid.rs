//! Record ids made of our keys, so that making a record twice makes one.

use crate::wire::hex;
use sha1::{Digest, Sha1};

/// The namespace of every id made here (RFC 9562, 5.5). Never changes: it decides which record a key names.
const NAMESPACE: [u8; 16] =
    [0x5c, 0x5e, 0x7a, 0x0e, 0x3d, 0x41, 0x4b, 0x6f, 0x9a, 0x52, 0x0d, 0x4c, 0x7b, 0x1f, 0x63, 0x88];

/// The id of the record that carries our key.
pub(super) fn of_key(key: &str) -> String {
    version_5(NAMESPACE, key)
}

/// A name-based UUID, version 5 (SHA-1), in lower case with hyphens.
fn version_5(namespace: [u8; 16], name: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(namespace);
    hash.update(name.as_bytes());
    let mut bytes: Vec<u8> = hash.finalize().iter().copied().take(16).collect();
    if let Some(byte) = bytes.get_mut(6) {
        *byte = (*byte & 0x0f) | 0x50;
    }
    if let Some(byte) = bytes.get_mut(8) {
        *byte = (*byte & 0x3f) | 0x80;
    }
    hex(&bytes).char_indices().fold(String::with_capacity(36), |mut out, (n, c)| {
        if matches!(n, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        out.push(c);
        out
    })
}

/// Is it a GUID as Dataverse writes it?
pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(n, b)| match n {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_rfc_and_keys_decide() {
        let dns = [0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];
        // RFC 9562, appendix A.4.
        assert_eq!(version_5(dns, "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
        assert_eq!(of_key("rb-contact-1"), of_key("rb-contact-1"));
        assert_ne!(of_key("rb-contact-1"), of_key("rb-contact-2"));
        assert!(is_guid(&of_key("")));
        for wrong in ["", "2ed6657de927568b95e12665a8aea6a2", "2ed6657d-e927-568b-95e1-2665a8aea6ag", "…"] {
            assert!(!is_guid(wrong), "{wrong}");
        }
    }
}

//! [`Digest`]: a digest in a message.

use serde::{Deserialize, Serialize};

/// A digest: 64 hexadecimal digits in a message, lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

/// The error for a text that is no digest.
#[derive(Debug, thiserror::Error)]
#[error("a digest has 64 hexadecimal digits, in lower case")]
pub struct NoDigest;

impl TryFrom<String> for Digest {
    type Error = NoDigest;

    fn try_from(text: String) -> Result<Self, NoDigest> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut digest = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != digest.len() || !rest.is_empty() {
            return Err(NoDigest);
        }
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = digit(*high).ok_or(NoDigest)? << 4 | digit(*low).ok_or(NoDigest)?;
        }
        Ok(Self(digest))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_digest_comes_back_from_its_text(bytes in any::<[u8; 32]>()) {
            let text = String::from(Digest(bytes));
            prop_assert_eq!(text.len(), 64);
            prop_assert_eq!(Digest::try_from(text).unwrap(), Digest(bytes));
        }
    }

    #[test]
    fn other_texts_are_no_digests() {
        let digits = "0123456789abcdef".repeat(4);
        assert!(Digest::try_from(digits.clone()).is_ok());
        let others = [
            String::new(),
            digits[1..].to_owned(),
            format!("{digits}0"),
            format!("{digits}00"),
            digits.replace('a', "A"),
            digits.replace('a', "g"),
            digits.replace("ab", "\u{e4}"),
        ];
        for text in others {
            assert!(Digest::try_from(text.clone()).is_err(), "{text}");
        }
    }
}

//! Names of transactions and blocks.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::hex;

/// A text that is not a 32-byte hash. Write 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: write 64 hexadecimal digits")]
pub struct HashError;

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Holds the bytes as the network serialises them; `Display`, `FromStr` and serde use the customary
        /// reversed hexadecimal text.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From the bytes in network order, which is the reverse of the printed order.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes in network order.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The hash that 64 hexadecimal digits spell, last byte first.
            pub(crate) fn from_digits(digits: &[u8]) -> Option<Self> {
                hex::decode_reversed(digits).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&hex::encode(self.0.iter().rev().copied()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = HashError;

            fn from_str(text: &str) -> Result<Self, HashError> {
                Self::from_digits(text.as_bytes()).ok_or(HashError)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = crate::json::Text::deserialize(deserializer)?;
                text.0.parse().map_err(D::Error::custom)
            }
        }
    };
}

hash! {
    /// A transaction's id: the double SHA-256 of its serialisation without witnesses
    /// ([BIP 141](https://github.com/bitcoin/bips/blob/master/bip-0141.mediawiki)).
    Txid
}
hash! {
    /// A block's hash: the double SHA-256 of its 80-byte header.
    BlockHash
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENESIS: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";

    #[test]
    fn text_is_reversed_and_survives_serde() {
        let hash: BlockHash = GENESIS.parse().unwrap();
        assert_eq!(hash.as_bytes()[31], 0);
        assert_eq!(hash.as_bytes()[0], 0x6f);
        assert_eq!(hash.to_string(), GENESIS);
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, format!("\"{GENESIS}\""));
        assert_eq!(serde_json::from_str::<BlockHash>(&json).unwrap(), hash);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "00", &GENESIS[1..], &format!("{GENESIS}0"), &GENESIS.replace('d', "g")] {
            assert_eq!(text.parse::<Txid>(), Err(HashError), "{text:?}");
        }
    }
}

//! Scalars as providers really write them: numbers as strings, nothing as `null`, `""` or nonsense.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

use super::{TIME_S_MAX, TIME_S_MIN, time, unix_time};
use crate::money::{MoneyError, Satoshi};

/// A text that borrows from the message unless it holds an escape.
#[derive(Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Visits of everything that means "not told": such a field counts as missing.
macro_rules! nothing {
    ($nothing:expr) => {
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($nothing)
        }
    };
}

/// A text that a record can do without: anything but a string, and an empty one, counts as missing. Of an object the
/// `description` is taken, which is how blockchain.info names a pool.
#[derive(Debug, Default)]
pub(crate) struct MaybeText<'a>(pub(crate) Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for MaybeText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MaybeTextVisitor;
        impl<'de> Visitor<'de> for MaybeTextVisitor {
            type Value = MaybeText<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or nothing")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(MaybeText((!text.is_empty()).then_some(Cow::Borrowed(text))))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(MaybeText((!text.is_empty()).then(|| Cow::Owned(text.to_owned()))))
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(MaybeText(None))
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(MaybeText(None))
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(MaybeText(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut description = MaybeText(None);
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match key.0.as_ref() {
                        "description" => description = map.next_value()?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(description)
            }
            nothing!(MaybeText(None));
        }
        deserializer.deserialize_any(MaybeTextVisitor)
    }
}

/// A count that a record can do without: anything but a whole number, as number or text, counts as missing.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct MaybeCount(pub(crate) Option<u64>);

impl MaybeCount {
    /// The count, unless it is missing or larger than 32 bits.
    pub(crate) fn get(self) -> Option<u32> {
        self.0.and_then(|count| u32::try_from(count).ok())
    }
}

impl<'de> Deserialize<'de> for MaybeCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MaybeCountVisitor;
        impl<'de> Visitor<'de> for MaybeCountVisitor {
            type Value = MaybeCount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or nothing")
            }
            fn visit_u64<E: Error>(self, count: u64) -> Result<Self::Value, E> {
                Ok(MaybeCount(Some(count)))
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(MaybeCount(None))
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(MaybeCount(None))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(MaybeCount(text.parse().ok()))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(MaybeCount(None))
            }
            nothing!(MaybeCount(None));
        }
        deserializer.deserialize_any(MaybeCountVisitor)
    }
}

/// An amount on the chain, as number or text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount(pub(crate) Satoshi);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of satoshi")
    }

    fn visit_u64<E: Error>(self, satoshi: u64) -> Result<Amount, E> {
        Satoshi::new(satoshi).map(Amount).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Amount, E> {
        Err(E::custom(MoneyError::Negative)) // zero and more come as u64
    }

    fn visit_f64<E: Error>(self, satoshi: f64) -> Result<Amount, E> {
        let error = match satoshi {
            ..0.0 => MoneyError::Negative,
            0.0..=21e14 => MoneyError::Fraction,
            _ => MoneyError::AboveMaxMoney,
        };
        Err(E::custom(error))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Amount, E> {
        match text.parse() {
            Ok(satoshi) => self.visit_u64(satoshi),
            Err(_) => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

/// An amount that providers leave out, as `null`, `""` or 0; one that is told must be right.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct MaybeAmount(pub(crate) Option<Satoshi>);

impl MaybeAmount {
    fn told(amount: Amount) -> Self {
        Self((amount.0 != Satoshi::ZERO).then_some(amount.0))
    }
}

impl<'de> Deserialize<'de> for MaybeAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MaybeAmountVisitor;
        impl Visitor<'_> for MaybeAmountVisitor {
            type Value = MaybeAmount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                AmountVisitor.expecting(f)
            }
            fn visit_unit<E: Error>(self) -> Result<MaybeAmount, E> {
                Ok(MaybeAmount(None))
            }
            fn visit_u64<E: Error>(self, satoshi: u64) -> Result<MaybeAmount, E> {
                AmountVisitor.visit_u64(satoshi).map(MaybeAmount::told)
            }
            fn visit_i64<E: Error>(self, satoshi: i64) -> Result<MaybeAmount, E> {
                AmountVisitor.visit_i64(satoshi).map(MaybeAmount::told)
            }
            fn visit_f64<E: Error>(self, satoshi: f64) -> Result<MaybeAmount, E> {
                AmountVisitor.visit_f64(satoshi).map(MaybeAmount::told)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<MaybeAmount, E> {
                match text {
                    "" => Ok(MaybeAmount(None)),
                    _ => AmountVisitor.visit_str(text).map(MaybeAmount::told),
                }
            }
        }
        deserializer.deserialize_any(MaybeAmountVisitor)
    }
}

/// A time in Unix seconds, as number or text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seconds(pub(crate) DateTime<Utc>);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecondsVisitor;
        impl Visitor<'_> for SecondsVisitor {
            type Value = Seconds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "Unix seconds from {TIME_S_MIN} to {TIME_S_MAX}")
            }
            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Seconds, E> {
                let time = i64::try_from(seconds).ok().and_then(unix_time);
                time.map(Seconds).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(seconds), &self))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Seconds, E> {
                time(text).map(Seconds).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(SecondsVisitor)
    }
}

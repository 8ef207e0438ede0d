//! The change-adjusted volume of a transaction.

use crate::money::{MoneyError, Satoshi};

/// Inputs up to this count are searched one by one, which is quicker than sorting a handful.
const LINEAR_COUNT_MAX: usize = 8;

/// The sum of `outputs`, and of those of them that do not return to an address of `inputs`.
///
/// An output without an address (`OP_RETURN`, bare multisig) returns to nobody.
pub(crate) fn sums<A: Ord>(
    mut inputs: Vec<A>,
    outputs: impl IntoIterator<Item = (Satoshi, Option<A>)>,
) -> Result<(Satoshi, Satoshi), MoneyError> {
    let linear = inputs.len() <= LINEAR_COUNT_MAX;
    if !linear {
        inputs.sort_unstable();
    }
    let returns = |address: &A| {
        if linear { inputs.contains(address) } else { inputs.binary_search(address).is_ok() }
    };
    let mut sums = Sums::default();
    for (satoshi, address) in outputs {
        sums.add(satoshi, address.as_ref().is_some_and(returns))?;
    }
    sums.end()
}

/// The sum of outputs as they come, and of those that do not return.
#[derive(Default)]
pub(crate) struct Sums {
    all: Satoshi,
    adjusted: Satoshi,
}

impl Sums {
    pub(crate) fn add(&mut self, satoshi: Satoshi, returns: bool) -> Result<(), MoneyError> {
        self.all = self.all.checked_add(satoshi).ok_or(MoneyError::AboveMaxMoney)?;
        if !returns {
            self.adjusted = self.adjusted.checked_add(satoshi).ok_or(MoneyError::AboveMaxMoney)?;
        }
        Ok(())
    }

    /// Both sums, if the transaction does not make more than there can be.
    pub(crate) fn end(self) -> Result<(Satoshi, Satoshi), MoneyError> {
        Satoshi::new(self.all.to_sat())?;
        Ok((self.all, self.adjusted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn change_is_left_out() {
        let outputs = [(5, Some("payee")), (7, Some("payer")), (1, None), (7, Some("payer"))];
        let outputs = outputs.map(|(satoshi, address)| (Satoshi::from_sum(satoshi), address));
        let (all, adjusted) = sums(vec!["payer", "other"], outputs).unwrap();
        assert_eq!((all.to_sat(), adjusted.to_sat()), (20, 6));
    }

    #[test]
    fn more_than_all_bitcoin_is_refused() {
        let half = Satoshi::from_sum(Satoshi::MAX_MONEY.to_sat() / 2 + 1);
        assert_eq!(sums::<()>(vec![], [(half, None), (half, None)]), Err(MoneyError::AboveMaxMoney));
    }

    proptest! {
        #[test]
        fn both_searches_agree(inputs: Vec<u8>, outputs: Vec<(u32, Option<u8>)>) {
            let outputs = outputs.into_iter().map(|(satoshi, address)| (Satoshi::from_sum(satoshi.into()), address));
            let oracle: u64 = outputs
                .clone()
                .filter(|(_, address)| address.is_none_or(|address| !inputs.contains(&address)))
                .map(|(satoshi, _)| satoshi.to_sat())
                .sum();
            let (all, adjusted) = sums(inputs, outputs).unwrap();
            prop_assert_eq!(adjusted.to_sat(), oracle);
            prop_assert!(adjusted <= all);
        }
    }
}

//! A `utx` in the layout that blockchain.info has kept since 2015, read in one go.
//!
//! A message's fields come in one order, without a space between them. Where all is as expected, that is checked and read at a quarter
//! of the cost of a JSON parser; anything else, be it right or wrong, is left to the [parser](super::websocket), and what is
//! accepted here it accepts with the same values. So a change of the layout would cost time and nothing else.

use crate::adjusted::Sums;
use crate::hash::Txid;
use crate::json::{Plain, unix_time};
use crate::limits::Limits;
use crate::money::Satoshi;
use crate::record::TransactionRecord;

/// Levels of nesting in this layout.
const DEPTH: usize = 5;
/// Inputs that are read here; more have to be sorted to be compared with the outputs.
const INPUTS_MAX: usize = 16;

/// An output, made or spent.
struct Output<'a> {
    satoshi: u64,
    /// Empty if it has none.
    address: &'a [u8],
}

/// The addresses of a transaction's inputs.
#[derive(Default)]
struct Payers<'a> {
    addresses: [&'a [u8]; INPUTS_MAX],
    count: usize,
}

/// The transaction of a message; `None` if it is not in this layout.
pub(crate) fn transaction(message: &[u8], limits: &Limits) -> Option<TransactionRecord> {
    if message.len() > limits.chain_bytes_max || limits.json_depth_max < DEPTH {
        return None;
    }
    let json = &mut Plain::new(message);
    json.literal(br#"{"op":"utx","x":{"lock_time":"#)?;
    json.digits()?;
    json.literal(br#","ver":"#)?;
    json.digits()?;
    json.literal(br#","size":"#)?;
    json.digits()?;
    json.literal(br#","inputs":["#)?;
    let payers = payers(json)?;
    json.literal(br#","time":"#)?;
    let time = unix_time(i64::try_from(json.number()?).ok()?)?;
    json.literal(br#","tx_index":"#)?;
    json.digits()?;
    json.literal(br#","vin_sz":"#)?;
    json.digits()?;
    json.literal(br#","hash":""#)?;
    let txid = Txid::from_digits(json.text()?)?;
    json.literal(br#","vout_sz":"#)?;
    json.digits()?;
    json.literal(br#","relayed_by":""#)?;
    json.text()?;
    json.literal(br#","out":["#)?;
    let (outputs, adjusted) = sums(json, &payers)?;
    json.literal(b"}}")?;
    json.end()?;
    Some(TransactionRecord { txid, time, outputs, adjusted })
}

/// The inputs up to the bracket that ends them.
fn payers<'a>(json: &mut Plain<'a>) -> Option<Payers<'a>> {
    let mut payers = Payers::default();
    loop {
        json.literal(br#"{"sequence":"#)?;
        json.digits()?;
        json.literal(br#","prev_out":"#)?;
        *payers.addresses.get_mut(payers.count)? = output(json)?.address;
        payers.count += 1;
        json.literal(br#","script":""#)?;
        json.text()?;
        json.literal(b"}")?;
        if json.literal(b",").is_none() {
            json.literal(b"]")?;
            return Some(payers);
        }
    }
}

/// What the outputs up to the bracket that ends them sum up to, in all and without those that return to a payer.
fn sums(json: &mut Plain<'_>, payers: &Payers<'_>) -> Option<(Satoshi, Satoshi)> {
    let mut sums = Sums::default();
    let payers = &payers.addresses[..payers.count];
    loop {
        let Output { satoshi, address } = output(json)?;
        let returns = !address.is_empty() && payers.contains(&address);
        sums.add(Satoshi::new(satoshi).ok()?, returns).ok()?;
        if json.literal(b",").is_none() {
            json.literal(b"]")?;
            return sums.end().ok();
        }
    }
}

fn output<'a>(json: &mut Plain<'a>) -> Option<Output<'a>> {
    json.literal(br#"{"spent":"#)?;
    json.boolean()?;
    json.literal(br#","tx_index":"#)?;
    json.digits()?;
    json.literal(br#","type":"#)?;
    json.digits()?;
    let address = match json.literal(br#","addr":""#) {
        Some(()) => json.text()?,
        None => b"",
    };
    json.literal(br#","value":"#)?;
    let satoshi = json.number()?;
    json.literal(br#","n":"#)?;
    json.digits()?;
    json.literal(br#","script":""#)?;
    json.text()?;
    json.literal(b"}")?;
    Some(Output { satoshi, address })
}

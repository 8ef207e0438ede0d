//! The sample's addresses: valid ones that belong to nobody.

use bitcoin::hashes::Hash as _;
use bitcoin::script::ScriptBuf;
use bitcoin::{Address, Network, PubkeyHash, ScriptHash, WitnessProgram, WitnessVersion};
use btc_records::hex;

use super::Domain;
use crate::random::Random;

/// How many addresses there are.
const WALLETS: u64 = 4_096;

/// A place that money can lie in.
#[derive(Debug)]
pub(super) struct Wallet {
    pub(super) address: String,
    pub(super) script_hex: String,
}

/// All of the sample's addresses.
#[derive(Debug)]
pub(super) struct Wallets(Vec<Wallet>);

impl Wallets {
    pub(super) fn new(seed: u64) -> Self {
        Self(
            (0..WALLETS.cast_signed())
                .map(|number| wallet(&mut Domain::Wallet.stream(seed, number)))
                .collect(),
        )
    }

    pub(super) fn any(&self, random: &mut Random) -> &Wallet {
        let index = random.below(self.0.len() as u64);
        &self.0[usize::try_from(index).unwrap_or(0)]
    }
}

/// The kinds of addresses in about the shares that the network sees.
fn wallet(random: &mut Random) -> Wallet {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    let short: [u8; 20] = std::array::from_fn(|index| bytes[index]);
    let script = match random.below(100) {
        0..20 => ScriptBuf::new_p2pkh(&PubkeyHash::from_byte_array(short)),
        20..35 => ScriptBuf::new_p2sh(&ScriptHash::from_byte_array(short)),
        35..82 => witness_script(WitnessVersion::V0, &short),
        _ => witness_script(WitnessVersion::V1, &bytes),
    };
    let address =
        Address::from_script(&script, Network::Bitcoin).expect("each of these scripts has an address");
    Wallet { address: address.to_string(), script_hex: hex::encode(script.as_bytes()) }
}

fn witness_script(version: WitnessVersion, program: &[u8]) -> ScriptBuf {
    let program = WitnessProgram::new(version, program).expect("20 and 32 bytes are allowed lengths");
    ScriptBuf::new_witness_program(&program)
}

//! Change that returns to an input's own address.

use super::super::transaction::Decoded;
use super::bytes;

/// A transaction of the chain that returns something to its own input.
struct Case {
    kind: &'static str,
    hex: &'static str,
    outputs_sat: u64,
    adjusted_sat: u64,
}

const CASES: [Case; 6] = [
    Case {
        kind: "p2pkh",
        hex: "01000000012bd2a155ff547332dc2a2a68dc3af6d19fec71cd16b9b051f921e587848174d2000000006a4730440220\
              0a2d74650a66ad11e84a6ba56441e97d505ee8ba5e9fd56ecd7d12ce24138b2202201a5fc5c069340a0d570f44c7ac\
              a703e419a8166d454ac07c9fdae4e8a07b809a0121029e327a887d04cf47cb5c3c0a98752bc14b91a868b0a7d7354a\
              c2028ecae6cbd3ffffffff01a832d504000000001976a9147af1bab2645028cd20a491b7929dec96f94d5efc88ac00\
              000000",
        outputs_sat: 81_081_000,
        adjusted_sat: 0,
    },
    Case {
        kind: "p2sh",
        hex: "010000000155d0aa78e3b51b5d65b15445bffc1623b7dde2d326ba61ecaae9c80d7067ef93010000006f0047304402\
              20188e5fcb41a6729f90bb639ff05fda66077b4616ddfb9b19dbfed4943fd07d0c02207b53cb42db25d2479ec6845e\
              3068049f6b21af9a0ff091218cfcbc77f7c18f0f01255121030ec111fb923515ba4747f3c7005b4398e81d816a66ba\
              50306aacac2f405ac72651aeffffffff02d42f06000000000017a9144ec119d52b23b3e84549adc1cdd01065b4ae87\
              198738b77f160000000017a9146c98c19a033bdbd421a9c7d24ad5e0e3a3318ec18700000000",
        outputs_sat: 377_874_188,
        adjusted_sat: 405_460,
    },
    Case {
        kind: "p2sh-p2wpkh",
        hex: "010000000001015da05cc97078d3cc1955adea3c810d05692a6f3b34fa2b4fd9a349817bc6ae5e0100000017160014\
              0403d6d245e28f05fff7ca5b8eca080eeda67445feffffff02a0f019000000000017a914a2f8eacc57a1d17838322b\
              b3a2cb90665f50bfb187848799000000000017a914f5abdad28a9dec32e17a81ce9e1a30876a26d75f870247304402\
              205e623083959527e0606e755f8c6fcdc0cbe3b453909e47f9a1f63361a46a2c9b022001c68b1b910aefb7e2d71521\
              70e187fdbfa549115e3b8b4599557a9ba270eedd012102850cd13db6c137daebe6e00c3d087f566ad64dc238a48988\
              4fa6f6d5b73941edbbd90700",
        outputs_sat: 11_761_700,
        adjusted_sat: 1_700_000,
    },
    Case {
        kind: "p2sh-p2wsh",
        hex: "01000000000101a84f7ad9fdd3cd89d15c97b4e3da6d324ada66c6ca8df444da3c3197debc6a270000000023220020\
              396e410c1f0faa6cf44962c0624cd22732a29701c600c1d906e0db9f939fa239ffffffff0269e33e2f0000000017a9\
              1482e7e273ec4e0dff2590e50d5fec2ebc665cd1f78740420f000000000017a914f33ae83efc5dd930b387b7bd7df6\
              c832282fd6b28703473044022042271a5a923ccc52223df075ce633649ed7cda385757cc105f4abe78e8f0b5140220\
              380afd3e3f068331f63adf74f912e997a3b955967002057ac4f66493636c103a012102d941dfddbc2339802d015e07\
              77dc30cd416ff591acd587c3e34824c6583b4dac1976a914d1cd43434d93559101682b017ed06e55a1c7119e88ac00\
              000000",
        outputs_sat: 793_650_601,
        adjusted_sat: 1_000_000,
    },
    Case {
        kind: "p2wpkh",
        hex: "02000000000101620ce4b480caf6b9d8f8fb0f9292cbd072915fe84ff54d78b3dd50fc52ed02a94600000000ffffff\
              ff01b255020000000000160014b86bdfe8c0432b3ab84615831931fdc3295442e002473044022076e233f1a5038a61\
              028a79f7ad617227dbca4a4af45b448681fa802a5fabaede022025cd8d1cabddfed73586a12c7fbed1b369526477c8\
              c5e43690e8cb9cba68bceb0121034591391170727731c14b9d83ea01bb4f2cb33387c5c8889940d03044247b685e00\
              000000",
        outputs_sat: 153_010,
        adjusted_sat: 0,
    },
    Case {
        kind: "p2wsh",
        hex: "01000000000101bb2a9ff17af9fb88888652927cef14944bdd551d1d734ddb3da1cb0a2dfedfec0100000000ffffff\
              ff025a180b00000000001976a914dd8096f14dc6b1aeb0f2e97b9e746894ab48370588ac8b9c1b0100000000220020\
              192bc81975d3cc2e730f0912e10f48562ca2f0fb5087c868978813f85b91662a0400473044022041c0acce855b1936\
              5760cdd0a1e61304dac48acc00df8be25eca1c163549898302200365e4647d4af6301b86e5db33f1432a36685cab89\
              2e6420cd9a29bbf79255f00147304402205070512043f5588c6a007885db78024c7f548951e49c6f1e9c27e2bc216b\
              b0940220029111af466980620a6afb3675091423d5200ea77daff85af4616db15463e38301475221034e575ca6d94c\
              f162cdf7aa18ed9fcf5a4b996e9dd26d6a40fb813ce28bb36a362102ac8ae5f4d44a0b807762d02ee218bbf70c6236\
              22e17438fa0e0f5b5ee8b1a10e52ae00000000",
        outputs_sat: 19_313_893,
        adjusted_sat: 727_130,
    },
];

#[test]
fn change_is_recognised() {
    for Case { kind, hex, outputs_sat, adjusted_sat } in CASES {
        let bytes = bytes(hex);
        let mut rest = &bytes[..];
        let sums = Decoded::take(&mut rest, 0).unwrap().sums().unwrap();
        assert!(rest.is_empty(), "{kind}");
        assert_eq!(
            (sums.outputs().to_sat(), sums.adjusted().to_sat()),
            (outputs_sat, adjusted_sat),
            "{kind}"
        );
    }
}

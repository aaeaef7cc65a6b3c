//! Values taken from a running kernel (6.18, little-endian), and lookup3's published checks.

use svcc_core::kernel_hash::{ByteOrder, HashError, NftHash, jhash};

/// Key in hexadecimal, seed, hash, modulus, value.
const KERNEL: [(&str, u32, u32, u32, u32); 8] = [
    ("7f000001", 0, 0x66cb_9b0e, 8, 3),
    ("0a000001", 0xdead_beef, 0x52e2_6e5d, 10, 3),
    ("0035", 0x1234, 0x6a5d_4889, 8, 3),
    ("7f0000014e200000", 0x1234, 0x21d8_dfbf, 8, 1),
    ("c0a801079c4000000a60000101bb0000", 1, 0x9e1f_5f7a, 3, 1),
    ("110000000a01020300010000", 0xffff_ffff, 0x6b89_4d41, 100, 42),
    ("fd000000000000000000000000000001", 0, 0xd895_8338, 16, 13),
    ("fd00000000000000000000000000000100050000", 7, 0x5773_d95c, 16, 5),
];

fn bytes(hexadecimal: &str) -> Vec<u8> {
    (0..hexadecimal.len())
        .step_by(2)
        .map(|start| u8::from_str_radix(&hexadecimal[start..start + 2], 16).expect("two hexadecimal digits"))
        .collect()
}

#[test]
fn hashes_and_values_are_those_of_the_kernel() {
    for (key, seed, hash, modulus, value) in KERNEL {
        assert_eq!(jhash(&bytes(key), seed, ByteOrder::Little), hash, "{key}");
        let expression = NftHash::new(modulus, seed, 0, ByteOrder::Little).expect("valid");
        assert_eq!(expression.value(&bytes(key)), value, "{key}");
    }
}

/// The expected values are printed in the comments of `driver5` of the public-domain lookup3.c.
#[test]
fn hashes_are_those_that_lookup3_publishes() {
    assert_eq!(jhash(b"", 0, ByteOrder::Little), 0xdead_beef);
    assert_eq!(jhash(b"", 0xdead_beef, ByteOrder::Little), 0xbd5b_7dde);
    assert_eq!(jhash(b"Four score and seven years ago", 0, ByteOrder::Little), 0x1777_0551);
    assert_eq!(jhash(b"Four score and seven years ago", 1, ByteOrder::Little), 0xcd62_8161);
}

#[test]
fn the_byte_order_of_the_node_matters_only_beyond_twelve_bytes() {
    let key: Vec<u8> = (1..=40).collect();
    for length in 0..=40 {
        let [little, big] = [ByteOrder::Little, ByteOrder::Big].map(|order| jhash(&key[..length], 5, order));
        assert_eq!(little == big, length <= 12, "{length} bytes");
    }
}

/// A big-endian node reads the words of a block the other way round, and only those.
#[test]
fn a_big_endian_node_hashes_like_a_little_endian_one_whose_full_blocks_are_swapped() {
    let key: Vec<u8> = (1..=31).collect();
    let mut swapped = key.clone();
    for word in swapped[..24].chunks_mut(4) {
        word.reverse();
    }
    assert_eq!(jhash(&key, 9, ByteOrder::Big), jhash(&swapped, 9, ByteOrder::Little));
}

#[test]
fn the_offset_is_added_after_scaling() {
    let expression = NftHash::new(8, 0, u32::MAX - 7, ByteOrder::Little).expect("the largest value fits");
    assert_eq!(expression.value(&[127, 0, 0, 1]), u32::MAX - 4);
}

#[test]
fn parameters_the_kernel_refuses_are_refused() {
    let error = |modulus, offset| NftHash::new(modulus, 0, offset, ByteOrder::Little).expect_err("refused");
    assert_eq!(error(0, 0), HashError::ModulusIsZero);
    assert_eq!(error(8, u32::MAX - 6), HashError::OffsetOverflows);
}

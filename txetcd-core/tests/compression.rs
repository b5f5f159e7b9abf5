//! Compression: what Python writes, round trips, and everything that is to be refused.

use proptest::prelude::*;
use txetcd_core::codec::{Compression, MAX_DECOMPRESSED};

/// Those that this build has.
fn available() -> Vec<Compression> {
    vec![
        Compression::None,
        #[cfg(feature = "zlib")]
        Compression::Zlib,
        #[cfg(feature = "snappy")]
        Compression::Snappy,
        #[cfg(feature = "zstd")]
        Compression::Zstd,
        #[cfg(feature = "lz4")]
        Compression::Lz4,
    ]
}

fn compressing() -> impl Iterator<Item = Compression> {
    available().into_iter().filter(|compression| *compression != Compression::None)
}

#[cfg(any(feature = "zlib", feature = "snappy"))]
fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[cfg(feature = "zlib")]
#[test]
fn zlib_as_python_has_it() {
    let bytes = hex("789ccb48cdc9c9cf20850000116a14c9");
    assert_eq!(Compression::Zlib.decompress(&bytes).unwrap(), "hello".repeat(10).as_bytes());
    let compressed = Compression::Zlib.compress("hello".repeat(10).into_bytes()).unwrap();
    // Another compressor than Python's: the same header and content, not the same bytes.
    assert_eq!(compressed[..2], [0x78, 0x9c]);
    assert_eq!(Compression::Zlib.decompress(&compressed).unwrap(), "hello".repeat(10).as_bytes());
    // A row of a table with `compress=COMPRESS_ZLIB`.
    let row = hex("789c5b98985da15146240000d33e147e");
    let value = Compression::Zlib.decompress(&row).unwrap();
    assert_eq!(*value, [b"\xa1akx\x28".to_vec(), b"v".repeat(40)].concat());
}

#[cfg(feature = "snappy")]
#[test]
fn snappy_as_python_has_it() {
    let bytes = hex("321068656c6c6fb20500");
    assert_eq!(Compression::Snappy.decompress(&bytes).unwrap(), "hello".repeat(10).as_bytes());
    assert_eq!(Compression::Snappy.compress("hello".repeat(10).into_bytes()).unwrap(), bytes);
}

#[cfg(feature = "lz4")]
#[test]
fn lz4_as_python_s_block_module_has_it() {
    // The size, a literal run of 5, a match of 40 at distance 5, a literal run of 5.
    let bytes = b"\x32\0\0\0\x5fhello\x05\0\x15\x50hello";
    assert_eq!(Compression::Lz4.decompress(bytes).unwrap(), "hello".repeat(10).as_bytes());
}

#[test]
fn truncated_or_followed_by_something_is_refused() {
    for compression in compressing() {
        for value in [vec![], b"a".to_vec(), "hello".repeat(100).into_bytes(), (0..=255).collect()] {
            let bytes = compression.compress(value.clone()).unwrap();
            assert_eq!(compression.decompress(&bytes).unwrap(), value);
            for end in 0..bytes.len() {
                assert!(compression.decompress(&bytes[..end]).is_err(), "{compression} cut at {end}");
            }
            for more in [b"\0".to_vec(), b"garbage".to_vec(), bytes.clone()] {
                let longer = [bytes.clone(), more].concat();
                assert!(compression.decompress(&longer).is_err(), "{compression} followed by something");
            }
        }
    }
}

#[test]
fn bombs_are_refused_and_the_limit_is_not() {
    for compression in compressing() {
        let largest = compression.compress(vec![0; MAX_DECOMPRESSED]).unwrap();
        assert_eq!(compression.decompress(&largest).unwrap().len(), MAX_DECOMPRESSED, "{compression}");
        let error = compression.compress(vec![0; MAX_DECOMPRESSED + 1]).unwrap_err();
        assert_eq!(error.to_string(), format!("{compression}: the value is longer than 64 MiB"));
    }
}

#[cfg(feature = "zlib")]
#[test]
fn a_zlib_bomb_is_refused() {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(9));
    for _ in 0..=MAX_DECOMPRESSED >> 20 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let error = Compression::Zlib.decompress(&encoder.finish().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "zlib: the value is longer than 64 MiB");
}

#[cfg(feature = "zstd")]
#[test]
fn a_zstd_bomb_is_refused() {
    let bytes = zstd::bulk::compress(&vec![0; MAX_DECOMPRESSED + 1], 1).unwrap();
    let error = Compression::Zstd.decompress(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "zstd: the value is longer than 64 MiB");
}

#[cfg(feature = "zstd")]
#[test]
fn a_zstd_frame_gets_no_larger_window_than_a_value_may_be_long() {
    // No flags, a window of 2 to the power of 10 and this, and one block of a byte as it is.
    let frame = |window: u8| [b"\x28\xb5\x2f\xfd\x00", &[window << 3][..], b"\x09\x00\x00a"].concat();
    assert_eq!(*Compression::Zstd.decompress(&frame(16)).unwrap(), *b"a");
    assert!(Compression::Zstd.decompress(&frame(17)).is_err());
}

#[test]
fn declared_sizes_are_not_believed() {
    #[cfg(feature = "snappy")]
    {
        assert!(Compression::Snappy.decompress(b"\xff\xff\xff\xff\x0f").is_err());
        assert!(Compression::Snappy.decompress(b"\x80\x80\x80\x10\0").is_err());
    }
    #[cfg(feature = "lz4")]
    {
        assert!(Compression::Lz4.decompress(b"\xff\xff\xff\xff\0").is_err());
        assert!(Compression::Lz4.decompress(b"\0\0\0\x02\0").is_err());
        assert!(Compression::Lz4.decompress(b"\x02\0\0\0\x10a").is_err());
        assert!(Compression::Lz4.decompress(b"\x01\0\0\0\x20ab").is_err());
    }
}

#[test]
fn names_and_features() {
    let names = [
        (Compression::None, "none", true),
        (Compression::Zlib, "zlib", cfg!(feature = "zlib")),
        (Compression::Snappy, "snappy", cfg!(feature = "snappy")),
        (Compression::Zstd, "zstd", cfg!(feature = "zstd")),
        (Compression::Lz4, "lz4", cfg!(feature = "lz4")),
    ];
    for (compression, name, on) in names {
        assert_eq!(compression.to_string(), name);
        assert_eq!(compression.compress(vec![1]).is_ok(), on);
        if !on {
            let error = compression.decompress(&[1]).unwrap_err();
            assert_eq!(error.to_string(), format!("{name}: needs the feature `{name}` of txetcd"));
        }
    }
    const { assert!(matches!(Compression::None.require(), Compression::None)) };
}

#[test]
fn errors_hold_nothing_of_the_value() {
    for compression in compressing() {
        let error = compression.decompress(b"canary canary canary").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

proptest! {
    #[test]
    fn round_trips(value in proptest::collection::vec(any::<u8>(), 0..2000), repeat in 1..20usize) {
        let value = value.repeat(repeat);
        for compression in available() {
            let bytes = compression.compress(value.clone()).unwrap();
            prop_assert_eq!(compression.decompress(&bytes).unwrap().into_owned(), value.clone());
        }
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        for compression in available() {
            let _ = compression.decompress(&bytes);
        }
    }

    #[test]
    fn a_damaged_byte(value in proptest::collection::vec(0..4u8, 0..300), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        for compression in compressing() {
            let mut bytes = compression.compress(value.clone()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let _ = compression.decompress(&bytes);
        }
    }
}

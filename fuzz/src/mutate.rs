//! Damage to valid bytes, and bytes of no origin.

use fastrand::Rng;

/// Bytes that mean something in many formats: lengths, marks, opcodes.
const TELLING: [u8; 24] = [
    0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0x85, 0x8e, 0x90, 0x9f, 0xa1, 0xbf, 0xc6, 0xd9, 0xdd, 0xdf, 0xfb,
    0xfe, 0xff, b'(', b'.', b'[', b']', b'{',
];

/// Up to a few hundred bytes, of which some inputs have only telling ones.
pub(crate) fn random(rng: &mut Rng) -> Vec<u8> {
    let telling = rng.bool();
    let longest = if rng.u8(..) < 16 { 400 } else { 40 };
    let len = rng.usize(0..longest);
    (0..len).map(|_| if telling { byte(rng) } else { rng.u8(..) }).collect()
}

/// Damages `bytes` in one to four places.
pub(crate) fn mutate(mut bytes: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    for _ in 0..rng.usize(1..=4) {
        let at = rng.usize(0..=bytes.len());
        match rng.u8(0..8) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, byte(rng)),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(0..8),
            4 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(rng.u8(0..3)).wrapping_sub(1),
            5 => {
                // A piece again, elsewhere.
                let end = rng.usize(at..=bytes.len().min(at + 16));
                let piece = bytes[at..end].to_vec();
                let to = rng.usize(0..=bytes.len());
                bytes.splice(to..to, piece);
            }
            6 => {
                // A run, for depth.
                let run = [byte(rng)].repeat(rng.usize(1..300));
                bytes.splice(at..at, run);
            }
            _ => {
                for byte_at in at..bytes.len().min(at + rng.usize(1..9)) {
                    bytes[byte_at] = byte(rng);
                }
            }
        }
    }
    bytes
}

fn byte(rng: &mut Rng) -> u8 {
    if rng.bool() { TELLING[rng.usize(0..TELLING.len())] } else { rng.u8(..) }
}

//! Inputs from good ones: bits turned, pieces cut, doubled, spliced and replaced by what breaks readers.

use rand::Rng;
use rand::seq::IndexedRandom;

/// No input is longer.
const MAX_BYTES: usize = 4096;

const NASTY: [&[u8]; 18] = [
    b"null",
    b"-1",
    b"0",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"1e999",
    b"7.0",
    b"\"\\u0000\"",
    b"\"\\ud800\"",
    b"{}",
    b"[",
    b"\xff\xfe",
    b"\x00",
    b".",
    b":",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
    "\u{10ffff}".as_bytes(),
];

/// A random input: mostly a good one with a few changes, now and then nothing but noise.
pub fn input(rng: &mut impl Rng, good: &[Vec<u8>]) -> Vec<u8> {
    let Some(seed) = good.choose(rng).filter(|_| rng.random_ratio(9, 10)) else { return noise(rng, 64) };
    let mut bytes = seed.clone();
    for _ in 0..rng.random_range(0..6) {
        change(rng, &mut bytes, good);
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

fn noise(rng: &mut impl Rng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(0..=most)];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn change(rng: &mut impl Rng, bytes: &mut Vec<u8>, good: &[Vec<u8>]) {
    let at = rng.random_range(0..=bytes.len());
    let end = rng.random_range(at..=bytes.len().min(at + 32));
    match rng.random_range(0..7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = rng.random(),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        4 => drop(bytes.splice(at..end, NASTY.choose(rng).copied().unwrap_or_default().iter().copied())),
        5 => drop(bytes.splice(at..end, noise(rng, 16))),
        _ => {
            let other = good.choose(rng).map(Vec::as_slice).unwrap_or_default();
            let from = rng.random_range(0..=other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
    }
}

//! Keeps the magic of frames out of everything that clients choose, so that it stands at the beginning of frames alone.
//!
//! Recovery looks for frames behind bytes that it cannot read. What it finds decides whether the log opens, so a client must not
//! be able to write it: neither in a value, nor with times and lengths that end up in a header. This is byte stuffing, as serial
//! lines do it, but written so that bodies without the magic, which is all of them in good faith, stay as they are.
//!
//! A stuffed body is: the body with a zero in place of the first byte of every magic; for each of them, how many bytes lie
//! between it and the one before, six bits a byte from the lowest on, as `11xxxxxx` and last `10xxxxxx`; the number of those
//! bytes, seven bits a byte from the highest on, in five bytes `1xxxxxxx`. No byte of the magic is zero or above 127, and the
//! magic does not overlap itself, so nothing of this makes another one.

use memchr::{memchr_iter, memmem};

use super::frame::MAGIC;

/// The bytes of the length of the list.
const LENGTH_BYTES: usize = 5;
const MORE: u8 = 0xc0;
const LAST: u8 = 0x80;

/// The most bytes that a body of so many bytes takes: a magic has four bytes, and one that follows another costs one more.
pub(crate) const fn most_bytes(body_bytes: usize) -> usize {
    body_bytes.saturating_add(body_bytes / 4).saturating_add(2 * LENGTH_BYTES)
}

/// Whether the magic stands in a few bytes.
pub(crate) fn holds_magic(bytes: &[u8]) -> bool {
    memchr_iter(MAGIC[0], bytes).any(|at| bytes[at..].starts_with(&MAGIC))
}

/// Stuffs the bytes of `out` from `start` on; whether there was a need.
pub(crate) fn stuff(out: &mut Vec<u8>, start: usize) -> bool {
    let mut places = memmem::find_iter(&out[start..], &MAGIC).peekable();
    if places.peek().is_none() {
        return false;
    }
    let places: Vec<usize> = places.collect();
    let list_at = out.len();
    let mut end = 0;
    for place in places {
        out[start + place] = 0;
        push_distance(out, place - end);
        end = place + MAGIC.len();
    }
    let list_bytes = out.len() - list_at;
    out.extend((0..LENGTH_BYTES).rev().map(|number| LAST | (list_bytes >> (7 * number)) as u8 & 0x7f));
    true
}

fn push_distance(out: &mut Vec<u8>, mut distance: usize) {
    while distance >= 64 {
        out.push(MORE | (distance & 0x3f) as u8);
        distance >>= 6;
    }
    out.push(LAST | distance as u8);
}

/// The body that was stuffed; `None` for bytes that no body becomes.
pub(crate) fn unstuff(stuffed: &[u8]) -> Option<Vec<u8>> {
    let (rest, length) = stuffed.split_last_chunk::<LENGTH_BYTES>()?;
    let list_bytes = length.iter().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
    let (body, list) = rest.split_at_checked(rest.len().checked_sub(list_bytes)?)?;
    let mut body = body.to_vec();
    let (mut at, mut distance, mut shift) = (0_usize, 0_usize, 0);
    for byte in list {
        distance = distance.checked_add(usize::from(byte & 0x3f).checked_shl(shift)?)?;
        shift += 6;
        if byte & MORE == LAST {
            at = at.checked_add(distance)?;
            *body.get_mut(at)? = MAGIC[0];
            at += MAGIC.len();
            (distance, shift) = (0, 0);
        }
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(body: &[u8]) {
        let mut stuffed = [b"header", body].concat();
        let needed = stuff(&mut stuffed, 6);
        assert_eq!(needed, holds_magic(body));
        assert!(!holds_magic(&stuffed), "{stuffed:?}");
        assert!(stuffed.len() - 6 <= most_bytes(body.len()));
        if needed {
            assert_eq!(unstuff(&stuffed[6..]).unwrap(), body);
        } else {
            assert_eq!(&stuffed[6..], body);
        }
    }

    #[test]
    fn every_body_comes_back_and_none_holds_the_magic() {
        for distance in [0, 1, 2, 3, 63, 64, 65, 4_095, 4_096, 300_000] {
            let apart = [&MAGIC[..], &vec![b'x'; distance]].concat();
            check(&apart.repeat(3));
            check(&[&vec![0x80; distance], &apart[..], b"PFL"].concat());
        }
        for body in [&b""[..], b"P", b"PFL", b"PFL0", b"PPFL1", b"PFLPFL1", b"\0FL1", b"\0FL1PFL1\x80\x80"] {
            check(body);
        }
        check(&MAGIC.repeat(100_000));
    }

    #[test]
    fn random_bodies_of_few_letters_come_back() {
        let mut state = 1_u32;
        for length in 0..2_000 {
            let mut letter = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b"PFL1\0\x80"[(state >> 24) as usize % 6]
            };
            check(&(0..length).map(|_| letter()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_was_never_stuffed_is_refused_without_harm() {
        for bytes in [&b""[..], b"abcd", &[0xff; 5], &[0x80, 0x80, 0x80, 0x80, 0x81], &[0xc1; 40], &[0x81; 9]] {
            let _ = unstuff(bytes);
        }
        assert_eq!(unstuff(&[0x80, 0x80, 0x80, 0x80, 0x81]), None);
        assert_eq!(unstuff(&[b'a', 0x82, 0x80, 0x80, 0x80, 0x80, 0x81]), None, "beyond the body");
    }
}

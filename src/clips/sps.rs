//! The few facts of an H.264 sequence parameter set that decide whether every browser plays the video: profile, colour format, depth and
//! whether frames are whole.

/// What a sequence parameter set says (ITU-T H.264, 7.3.2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sps {
    pub profile: u8,
    /// 1 is 4:2:0.
    pub chroma_format: u32,
    pub bit_depth: u32,
    /// Whole frames rather than fields.
    pub progressive: bool,
}

/// Reads a set as it stands in the `avcC` box: the NAL header first. `None` when it ends too early or is no sequence parameter set.
pub(super) fn read(nal: &[u8]) -> Option<Sps> {
    if nal.first()? & 0x1f != 7 {
        return None;
    }
    let payload = without_escapes(&nal[1..]);
    let mut bits = Bits { bytes: &payload, at: 0 };
    let profile = u8::try_from(bits.take(8)?).ok()?;
    bits.take(16)?; // Constraint flags and level.
    bits.golomb()?; // The set's own number.
    let mut sps = Sps {
        profile,
        chroma_format: 1,
        bit_depth: 8,
        progressive: true,
    };
    if matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    ) {
        sps.chroma_format = bits.golomb()?;
        if sps.chroma_format == 3 {
            bits.take(1)?;
        }
        let (luma, chroma) = (bits.golomb()?, bits.golomb()?);
        sps.bit_depth = 8u32.checked_add(luma.max(chroma))?;
        bits.take(1)?;
        if bits.take(1)? == 1 {
            let lists = if sps.chroma_format == 3 { 12 } else { 8 };
            for list in 0..lists {
                if bits.take(1)? == 1 {
                    skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.golomb()?; // log2_max_frame_num
    match bits.golomb()? {
        0 => drop(bits.golomb()?),
        1 => {
            bits.take(1)?;
            bits.golomb()?;
            bits.golomb()?;
            for _ in 0..bits.golomb()?.min(255) {
                bits.golomb()?;
            }
        }
        _ => {}
    }
    bits.golomb()?; // Reference frames.
    bits.take(1)?;
    bits.golomb()?; // Width and height in macroblocks.
    bits.golomb()?;
    sps.progressive = bits.take(1)? == 1;
    Some(sps)
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            let code = i64::from(bits.golomb()?);
            // Signed Exp-Golomb: 1, -1, 2, -2 …
            let delta = if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) };
            next = (last + delta).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// Inside a NAL unit a 3 after two zeros only keeps start codes from appearing.
fn without_escapes(bytes: &[u8]) -> Vec<u8> {
    let mut plain: Vec<u8> = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        let escaped = byte == 3 && plain.ends_with(&[0, 0]);
        // The zeros before an escape stay, and count no further.
        if !escaped {
            plain.push(byte);
        }
    }
    plain
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = (value << 1) | u32::from((byte >> (7 - self.at % 8)) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// Unsigned Exp-Golomb.
    fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.take(zeros)?;
        (1u32 << zeros).checked_sub(1)?.checked_add(rest)
    }
}

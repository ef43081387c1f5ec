//! CRC-64/XZ (the reflected ECMA-182 polynomial, inverted in and out), as mongodump writes it at a collection's end.
//!
//! Eight table look-ups per eight bytes ("slicing-by-8", Kounavis and Berry, 2005).

const POLYNOMIAL: u64 = 0xC96C_5795_D787_0F42;

static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut k = 1;
    while k < 8 {
        let mut byte = 0;
        while byte < 256 {
            let previous = tables[k - 1][byte];
            tables[k][byte] = (previous >> 8) ^ tables[0][(previous & 0xff) as usize];
            byte += 1;
        }
        k += 1;
    }
    tables
}

/// A checksum being computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crc64(u64);

impl Crc64 {
    pub(super) fn new() -> Crc64 {
        Crc64(!0)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let mut crc = self.0;
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            let x = (crc ^ u64::from_le_bytes(*eight)).to_le_bytes();
            crc = x
                .iter()
                .zip(TABLES.iter().rev())
                .fold(0, |sum, (byte, table)| sum ^ table[*byte as usize]);
        }
        for byte in rest {
            crc = (crc >> 8) ^ TABLES[0][((crc ^ u64::from(*byte)) & 0xff) as usize];
        }
        self.0 = crc;
    }

    pub(super) fn value(self) -> u64 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_check_value() {
        let mut crc = Crc64::new();
        crc.update(b"123456789");
        assert_eq!(crc.value(), 0x995D_C9BB_DF19_39FA);
        assert_eq!(Crc64::new().value(), 0);
    }

    #[test]
    fn splits_do_not_matter() {
        let data: Vec<u8> = (0..100u32).map(|i| (i * 37) as u8).collect();
        let mut whole = Crc64::new();
        whole.update(&data);
        for cut in 0..data.len() {
            let mut parts = Crc64::new();
            parts.update(&data[..cut]);
            parts.update(&data[cut..]);
            assert_eq!(parts.value(), whole.value());
        }
    }
}

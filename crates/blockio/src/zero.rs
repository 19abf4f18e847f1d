//! Whether a piece of a volume holds nothing but zeros.

/// True where every byte is zero (and where there are none).
pub fn is_zero(bytes: &[u8]) -> bool {
    // Blocks of a fixed size, OR-ed whole, are what the compiler turns into vector instructions;
    // data that is not zero is told after the first of them.
    let (blocks, rest) = bytes.as_chunks::<256>();
    blocks.iter().all(|block| block.iter().fold(0, |sum, byte| sum | byte) == 0)
        && rest.iter().all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_anywhere_is_seen() {
        let mut bytes = vec![0; 1000];
        assert!(is_zero(&bytes));
        assert!(is_zero(&[]));
        for place in [0, 255, 256, 767, 768, 999] {
            bytes[place] = 1;
            assert!(!is_zero(&bytes), "at {place}");
            bytes[place] = 0;
        }
    }
}

//! Bytes as a reader of captures expects them.

/// One line of a hex dump: offset, bytes (with whether each is lit), and text.
#[derive(Clone, Debug, PartialEq)]
pub struct HexLine {
    pub offset: String,
    /// Runs of hex digits: text, lit.
    pub hex: Vec<(String, bool)>,
    pub text: String,
}

const PER_LINE: usize = 16;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn push_hex(text: &mut String, byte: u8) {
    text.push(DIGITS[usize::from(byte >> 4)] as char);
    text.push(DIGITS[usize::from(byte & 15)] as char);
}

/// Lines of 16 bytes; those from `lit.0` on, `lit.1` many, are lit.
pub fn dump(bytes: &[u8], lit: (usize, usize)) -> Vec<HexLine> {
    let is_lit = |at: usize| at >= lit.0 && at < lit.0 + lit.1;
    let lines = bytes.chunks(PER_LINE).enumerate();
    lines
        .map(|(number, chunk)| {
            let start = number * PER_LINE;
            let mut offset = String::new();
            push_hex(&mut offset, (start >> 8) as u8);
            push_hex(&mut offset, start as u8);
            let mut hex: Vec<(String, bool)> = Vec::new();
            for (i, byte) in chunk.iter().enumerate() {
                let lit = is_lit(start + i);
                if hex.last().is_none_or(|(_, of)| *of != lit) {
                    hex.push((String::new(), lit));
                }
                if let Some((text, _)) = hex.last_mut() {
                    push_hex(text, *byte);
                    text.push(' ');
                }
            }
            let printable = |byte: &u8| if (0x20..0x7f).contains(byte) { *byte as char } else { '·' };
            HexLine { offset, hex, text: chunk.iter().map(printable).collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lit_bytes_are_runs_within_lines() {
        let bytes: Vec<u8> = (0x3a..0x3a + 20).collect();
        let lines = dump(&bytes, (14, 4));
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].offset, "0000");
        assert_eq!(lines[1].offset, "0010");
        assert_eq!(lines[0].hex.iter().map(|(_, lit)| *lit).collect::<Vec<_>>(), [false, true]);
        assert_eq!(lines[0].hex[1].0, "48 49 ");
        assert_eq!(lines[1].hex, vec![("4a 4b ".to_string(), true), ("4c 4d ".to_string(), false)]);
        assert_eq!(lines[1].text, "JKLM");
        assert!(dump(&[], (0, 0)).is_empty());
    }
}

//! The pcapng file format (draft-ietf-opsawg-pcapng): a section, its interfaces, packets with nanosecond timestamps
//! and comments. Little-endian, Ethernet only.

/// A capture file being written.
#[derive(Clone, Debug)]
pub struct PcapNg {
    bytes: Vec<u8>,
    interfaces_count: u32,
}

/// A number given by [`PcapNg::interface`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceId(u32);

/// Which way a packet passed the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Unknown,
    Inbound,
    Outbound,
}

impl Default for PcapNg {
    fn default() -> PcapNg {
        PcapNg::new()
    }
}

impl PcapNg {
    pub fn new() -> PcapNg {
        let mut pcap = PcapNg { bytes: Vec::new(), interfaces_count: 0 };
        let mut body = Vec::new();
        body.extend(0x1a2b_3c4d_u32.to_le_bytes());
        body.extend([1, 0, 0, 0]);
        body.extend((-1_i64).to_le_bytes());
        option(&mut body, 4, b"podhop");
        pcap.block(0x0a0d_0d0a, body);
        pcap
    }

    /// A device that packets are captured at: its name, and whose it is.
    pub fn interface(&mut self, name: &str, description: &str) -> InterfaceId {
        let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0];
        option(&mut body, 2, name.as_bytes());
        option(&mut body, 3, description.as_bytes());
        // if_tsresol: timestamps count 10^-9 s.
        option(&mut body, 9, &[9]);
        self.block(1, body);
        let id = InterfaceId(self.interfaces_count);
        self.interfaces_count += 1;
        id
    }

    /// One captured frame, whole. An empty comment is left out.
    pub fn packet(&mut self, at: InterfaceId, direction: Direction, at_ns: u64, frame: &[u8], comment: &str) {
        let mut body = Vec::with_capacity(frame.len() + 40);
        body.extend(at.0.to_le_bytes());
        body.extend(((at_ns >> 32) as u32).to_le_bytes());
        body.extend((at_ns as u32).to_le_bytes());
        body.extend((frame.len() as u32).to_le_bytes());
        body.extend((frame.len() as u32).to_le_bytes());
        body.extend_from_slice(frame);
        pad(&mut body);
        if !comment.is_empty() {
            option(&mut body, 1, comment.as_bytes());
        }
        let flags: u32 = match direction {
            Direction::Unknown => 0,
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        };
        option(&mut body, 2, &flags.to_le_bytes());
        self.block(6, body);
    }

    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// Type, length, body, the end of its options, length again.
    fn block(&mut self, kind: u32, mut body: Vec<u8>) {
        body.extend([0; 4]);
        let len = (body.len() + 12) as u32;
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(len.to_le_bytes());
        self.bytes.extend(body);
        self.bytes.extend(len.to_le_bytes());
    }
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

/// One option: code, length, value (cut to what its length field holds) padded to 32 bits.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(u16::MAX as usize)];
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_names_its_length_at_both_ends() {
        let mut pcap = PcapNg::new();
        let cni0 = pcap.interface("cni0", "node/worker-1");
        pcap.packet(cni0, Direction::Inbound, 1_500_000_000, &[7; 61], "forwarded");
        pcap.packet(cni0, Direction::Outbound, u64::MAX, &[], "");
        let bytes = pcap.finish();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let (mut at, mut kinds) = (0, Vec::new());
        while at < bytes.len() {
            let len = word(at + 4) as usize;
            assert_eq!(len % 4, 0);
            assert_eq!(word(at + len - 4) as usize, len);
            kinds.push(word(at));
            at += len;
        }
        assert_eq!(kinds, [0x0a0d_0d0a, 1, 6, 6]);
    }
}

//! A module's code sorted by kind of byte: all opcodes, then all numbers of locals, then all constants … Bytes of one kind
//! repeat among their own, and brotli makes an eighth less of them. `public/streams.js` puts them back into the order that
//! WebAssembly asks for.
//!
//! The sorted module is a module still: where its code section was, it has a custom section named `streams` with the
//! bytes that the code section will have, how many functions are imported, the function that brings the second half, and
//! the first slot by which it is called, then the lengths of the streams, then the streams themselves. Instructions follow
//! each other as in the code section, each with an opcode in the first stream and its immediates in others:
//!
//! - an access to memory with its natural alignment leaves it out; another has 0xaf added to its opcode;
//! - a called function's number is 0 if it is the last one defined before this that was not called yet, else it has 1 added;
//! - `i32.const`, `call` of what brings the second half and `call_indirect` of table 0 are one opcode, 0x06, with a slot
//!   and a type; a slot is twice how far it lies beyond the expected one, or once less than twice how far it lies before
//!   it; expected is the one after the last that lay no more than 7 beyond the expected;
//! - `i32.const` has a stream of its own before `i32.add` and `i32.sub`, and another, and the opcode 0x07, if it can be an
//!   address;
//! - how long a function's body is follows from its blocks.
//!
//! Where its export section was, it has a custom section named `exports`: how many exports it writes out, their bytes as
//! in the export section (length first), then for `_0`, `_1` … (see `split::shared_name`) their count and how much each
//! function's index is greater than the one before, modulo 2^32.

use anyhow::{Context, Result, bail, ensure};

use super::split;

/// The custom sections' names, with their length.
const STREAMS_SECTION: &[u8] = b"\x07streams";
const EXPORTS_SECTION: &[u8] = b"\x07exports";
/// Added to the opcode of an access to memory that is not naturally aligned: opcodes that WebAssembly does not have.
const UNALIGNED: u8 = 0xaf;
/// Opcodes that rustc's modules do not have.
const COLD: u8 = 0x06;
const ADDRESS: u8 = 0x07;
/// Constants lie beyond the stack.
const ADDRESS_MIN: usize = 1 << 20;
/// A slot that lies as far beyond the expected one does not change what is expected.
const JUMP_SLOTS: usize = 8;
const IMPORT: u8 = 2;
const EXPORT: u8 = 7;
const CODE: u8 = 10;
/// log2 of the bytes that 0x28 (`i32.load`) to 0x3e (`i64.store32`) access.
const NATURAL: &[u8; 23] =
    b"\x02\x03\x02\x03\x00\x00\x01\x01\x00\x00\x01\x01\x02\x02\x02\x03\x02\x03\x00\x01\x00\x01\x02";

#[derive(Clone, Copy)]
enum Stream {
    Opcode,
    Local,
    I32,
    Offset,
    Call,
    CallIndirect,
    Label,
    Table,
    Block,
    Alignment,
    Locals,
    I64,
    Global,
    Float,
    Sum,
    Address,
    Slot,
    Other,
}

const STREAMS: usize = Stream::Other as usize + 1;
/// Numbers before the lengths of the streams.
const NUMBERS: usize = 4;

/// Sorts a module. Errors: an instruction that rustc's modules do not have.
pub fn sort(module: &[u8]) -> Result<Vec<u8>> {
    let mut sorted = module.get(..8).context("no module")?.to_vec();
    let mut rest = Reader { bytes: module, at: 8 };
    let mut ways = Ways::default();
    while rest.at < module.len() {
        let id = rest.byte()?;
        let length = rest.number()?;
        let section = module.get(rest.at..rest.at + length).context("a section is cut off")?;
        rest.at += length;
        let (id, section) = match id {
            CODE => (0, code(section, std::mem::take(&mut ways))?),
            EXPORT => (0, exports(section, &mut ways)?),
            IMPORT => {
                // Functions are all that is imported.
                ways.imports_count = Reader { bytes: section, at: 0 }.number()?;
                (id, section.to_vec())
            }
            _ => (id, section.to_vec()),
        };
        sorted.push(id);
        push_number(&mut sorted, section.len());
        sorted.extend(section);
    }
    Ok(sorted)
}

/// The ways to other functions.
#[derive(Clone, Default)]
struct Ways {
    imports_count: usize,
    /// The function that brings the second half.
    ensure: Option<usize>,
    /// The first slot by which the second half is called.
    first_slot: Option<usize>,
    /// Defined functions so far that nobody has called.
    uncalled: Vec<usize>,
    /// The expected slot.
    slot: usize,
}

fn code(section: &[u8], ways: Ways) -> Result<Vec<u8>> {
    let mut sorter = Sorter { code: Reader { bytes: section, at: 0 }, streams: Default::default(), ways };
    sorter.bodies()?;
    let mut content = STREAMS_SECTION.to_vec();
    let Ways { imports_count, ensure, first_slot, .. } = sorter.ways;
    for number in [section.len(), imports_count, ensure.unwrap_or(0), first_slot.unwrap_or(0)] {
        push_number(&mut content, number);
    }
    for stream in &sorter.streams {
        push_number(&mut content, stream.len());
    }
    content.extend(sorter.streams.concat());
    Ok(content)
}

fn exports(section: &[u8], ways: &mut Ways) -> Result<Vec<u8>> {
    let mut reader = Reader { bytes: section, at: 0 };
    let (mut written, mut written_count, mut indices) = (Vec::new(), 0, Vec::new());
    for _ in 0..reader.number()? {
        let begin = reader.at;
        let length = reader.number()?;
        let name = section.get(reader.at..reader.at + length).context("an export is cut off")?;
        reader.at += length;
        let is_function = reader.byte()? == 0;
        let index = reader.number()?;
        if name == split::ENSURE.as_bytes() {
            ways.ensure = Some(index);
        }
        if is_function && name == split::shared_name(indices.len() as u32).as_bytes() {
            indices.push(index);
        } else {
            ensure!(indices.is_empty(), "an export follows those that the second half takes");
            written.extend_from_slice(&section[begin..reader.at]);
            written_count += 1;
        }
    }
    let mut content = EXPORTS_SECTION.to_vec();
    push_number(&mut content, written_count);
    push_number(&mut content, written.len());
    content.extend(written);
    push_number(&mut content, indices.len());
    let mut before = 0;
    for index in indices {
        // Of functions that turned out to be the same, the later has the earlier's index: adding wraps around.
        push_number(&mut content, (index as u32).wrapping_sub(before as u32) as usize);
        before = index;
    }
    Ok(content)
}

/// Where streams begin and end in a sorted module, and nothing in any other file. A compressor that starts its
/// statistics anew at these places does better.
pub fn boundaries(file: &[u8]) -> Vec<usize> {
    find(file).unwrap_or_default()
}

fn find(file: &[u8]) -> Result<Vec<usize>> {
    ensure!(file.starts_with(b"\0asm"), "no module");
    let mut reader = Reader { bytes: file, at: 8 };
    while reader.at < file.len() {
        let id = reader.byte()?;
        let length = reader.number()?;
        if id != 0 || !file[reader.at..].starts_with(STREAMS_SECTION) {
            reader.at += length;
            continue;
        }
        reader.at += STREAMS_SECTION.len();
        for _ in 0..NUMBERS {
            reader.number()?;
        }
        let lengths: Vec<usize> = (0..STREAMS).map(|_| reader.number()).collect::<Result<_>>()?;
        let mut at = reader.at;
        let ends = lengths.iter().map(|length| {
            at += length;
            at
        });
        return Ok(std::iter::once(reader.at).chain(ends).collect());
    }
    Ok(Vec::new())
}

struct Sorter<'a> {
    code: Reader<'a>,
    streams: [Vec<u8>; STREAMS],
    ways: Ways,
}

impl Sorter<'_> {
    fn bodies(&mut self) -> Result<()> {
        let functions = self.code.number()?;
        push_number(&mut self.streams[Stream::Locals as usize], functions);
        for number in 0..functions {
            self.body()?;
            let function = self.ways.imports_count + number;
            self.ways.uncalled.push(function);
        }
        ensure!(self.code.at == self.code.bytes.len(), "the code section is longer than its functions");
        Ok(())
    }

    fn body(&mut self) -> Result<()> {
        let length = self.code.number()?;
        let end = self.code.at + length;
        let groups = self.numbers(Stream::Locals, 1)?;
        for _ in 0..groups {
            // So many locals, of this type.
            self.numbers(Stream::Locals, 2)?;
        }
        let mut depth = 1_u32;
        while depth > 0 {
            match self.instruction()? {
                0x02..=0x04 => depth += 1,
                0x0b => depth -= 1,
                _ => {}
            }
        }
        ensure!(self.code.at == end, "a body is longer than its blocks");
        Ok(())
    }

    /// Moves one instruction; gives its opcode.
    fn instruction(&mut self) -> Result<u8> {
        let opcode = self.code.byte()?;
        self.streams[Stream::Opcode as usize].push(opcode);
        match opcode {
            0x02..=0x04 => self.numbers(Stream::Block, 1)?,
            0x0c | 0x0d => self.numbers(Stream::Label, 1)?,
            0x0e => {
                let labels = self.numbers(Stream::Table, 1)?;
                self.numbers(Stream::Table, labels + 1)?
            }
            0x10 => self.call()?,
            0x11 => self.numbers(Stream::CallIndirect, 2)?,
            0x1c => {
                let types = self.numbers(Stream::Other, 1)?;
                self.numbers(Stream::Other, types)?
            }
            0x20..=0x22 => self.numbers(Stream::Local, 1)?,
            0x23 | 0x24 => self.numbers(Stream::Global, 1)?,
            0x28..=0x3e => {
                if self.code.bytes.get(self.code.at) == Some(&NATURAL[usize::from(opcode - 0x28)]) {
                    self.code.at += 1;
                } else {
                    self.replace_opcode(opcode + UNALIGNED);
                    self.numbers(Stream::Alignment, 1)?;
                }
                self.numbers(Stream::Offset, 1)?
            }
            0x25 | 0x26 | 0x3f | 0x40 | 0xd0 | 0xd2 => self.numbers(Stream::Other, 1)?,
            0x41 => self.constant()?,
            0x42 => self.numbers(Stream::I64, 1)?,
            0x43 => self.bytes(Stream::Float, 4)?,
            0x44 => self.bytes(Stream::Float, 8)?,
            0xfc => {
                let operation = self.numbers(Stream::Other, 1)?;
                let immediates = match operation {
                    0..=7 => 0,
                    8 | 10 | 12 | 14 => 2,
                    9 | 11 | 13 | 15..=17 => 1,
                    _ => bail!("instruction 0xfc {operation} has no stream"),
                };
                self.numbers(Stream::Other, immediates)?
            }
            0x00 | 0x01 | 0x05 | 0x0b | 0x0f | 0x1a | 0x1b | 0x45..=0xc4 | 0xd1 => 0,
            _ => bail!("instruction {opcode:#x} has no stream"),
        };
        Ok(opcode)
    }

    fn call(&mut self) -> Result<usize> {
        let function = self.code.number()?;
        let place = self.ways.uncalled.iter().rposition(|uncalled| *uncalled == function);
        let is_last = place.is_some_and(|place| place + 1 == self.ways.uncalled.len());
        if let Some(place) = place {
            self.ways.uncalled.remove(place);
        }
        push_number(&mut self.streams[Stream::Call as usize], if is_last { 0 } else { function + 1 });
        Ok(0)
    }

    fn constant(&mut self) -> Result<usize> {
        if self.cold_call()? {
            return Ok(0);
        }
        let mut ahead = Reader { ..self.code };
        let is_address = (ADDRESS_MIN..1 << 27).contains(&ahead.number()?);
        if is_address {
            self.replace_opcode(ADDRESS);
            return self.numbers(Stream::Address, 1);
        }
        self.numbers(if matches!(ahead.byte(), Ok(0x6a | 0x6b)) { Stream::Sum } else { Stream::I32 }, 1)
    }

    /// Moves a call of the second half, if there is one after the opcode of its slot.
    fn cold_call(&mut self) -> Result<bool> {
        let mut ahead = Reader { ..self.code };
        let slot = ahead.number()?;
        let goes_on = ahead.byte().is_ok_and(|opcode| opcode == 0x10)
            && ahead.number().is_ok_and(|function| Some(function) == self.ways.ensure)
            && ahead.byte().is_ok_and(|opcode| opcode == 0x11);
        if !goes_on {
            return Ok(false);
        }
        let (of, table) = (ahead.number()?, ahead.number()?);
        if table != 0 {
            return Ok(false);
        }
        if self.ways.first_slot.is_none() {
            (self.ways.first_slot, self.ways.slot) = (Some(slot), slot);
        }
        let next = self.ways.slot;
        if (next..next + JUMP_SLOTS).contains(&slot) {
            self.ways.slot = slot + 1;
        }
        self.code = ahead;
        self.replace_opcode(COLD);
        let difference = if slot < next { 2 * (next - slot) - 1 } else { 2 * (slot - next) };
        push_number(&mut self.streams[Stream::Slot as usize], difference);
        push_number(&mut self.streams[Stream::CallIndirect as usize], of);
        Ok(true)
    }

    fn replace_opcode(&mut self, opcode: u8) {
        if let Some(last) = self.streams[Stream::Opcode as usize].last_mut() {
            *last = opcode;
        }
    }

    /// Moves so many LEB128 numbers, as they are written; gives the last, if it is an unsigned one of 32 bits.
    fn numbers(&mut self, stream: Stream, count: usize) -> Result<usize> {
        let mut last = 0;
        for _ in 0..count {
            let begin = self.code.at;
            last = self.code.number()?;
            self.streams[stream as usize].extend_from_slice(&self.code.bytes[begin..self.code.at]);
        }
        Ok(last)
    }

    fn bytes(&mut self, stream: Stream, count: usize) -> Result<usize> {
        for _ in 0..count {
            let byte = self.code.byte()?;
            self.streams[stream as usize].push(byte);
        }
        Ok(0)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).context("the module is cut off")?;
        self.at += 1;
        Ok(byte)
    }

    fn number(&mut self) -> Result<usize> {
        let (mut number, mut shift) = (0_usize, 0_u32);
        loop {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
    }
}

fn push_number(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests;

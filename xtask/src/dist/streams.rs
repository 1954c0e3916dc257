//! A module's code sorted by kind of byte: all opcodes, then all numbers of locals, then all constants … Bytes of one kind
//! repeat among their own, and brotli makes an eighth less of them. `public/streams.js` puts them back into the order that
//! WebAssembly asks for.
//!
//! The sorted module is a module still: where its code section was, it has a custom section named `streams` with the
//! bytes that the code section will have, then the lengths of the streams, then the streams themselves. Instructions
//! follow each other as in the code section, each with an opcode in the first stream and its immediates in others:
//!
//! - an access to memory with its natural alignment leaves it out; another has 0xaf added to its opcode;
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
    Other,
}

const STREAMS: usize = Stream::Other as usize + 1;

/// Sorts a module. Errors: an instruction that rustc's modules do not have.
pub fn sort(module: &[u8]) -> Result<Vec<u8>> {
    let mut sorted = module.get(..8).context("no module")?.to_vec();
    let mut rest = Reader { bytes: module, at: 8 };
    while rest.at < module.len() {
        let id = rest.byte()?;
        let length = rest.number()?;
        let section = module.get(rest.at..rest.at + length).context("a section is cut off")?;
        rest.at += length;
        let (id, section) = match id {
            CODE => (0, code(section)?),
            EXPORT => (0, exports(section)?),
            _ => (id, section.to_vec()),
        };
        sorted.push(id);
        push_number(&mut sorted, section.len());
        sorted.extend(section);
    }
    Ok(sorted)
}

fn code(section: &[u8]) -> Result<Vec<u8>> {
    let (lengths, streams) = streams(section)?;
    let mut content = STREAMS_SECTION.to_vec();
    for number in std::iter::once(section.len()).chain(lengths) {
        push_number(&mut content, number);
    }
    content.extend(streams);
    Ok(content)
}

fn exports(section: &[u8]) -> Result<Vec<u8>> {
    let mut reader = Reader { bytes: section, at: 0 };
    let (mut written, mut written_count, mut indices) = (Vec::new(), 0, Vec::new());
    for _ in 0..reader.number()? {
        let begin = reader.at;
        let length = reader.number()?;
        let name = section.get(reader.at..reader.at + length).context("an export is cut off")?;
        reader.at += length;
        let is_function = reader.byte()? == 0;
        let index = reader.number()?;
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
        reader.number()?;
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

/// The streams of a code section's content, joined, and the length of each.
fn streams(code: &[u8]) -> Result<(Vec<usize>, Vec<u8>)> {
    let mut sorter = Sorter { code: Reader { bytes: code, at: 0 }, streams: Default::default() };
    let functions = sorter.code.number()?;
    push_number(&mut sorter.streams[Stream::Locals as usize], functions);
    for _ in 0..functions {
        sorter.body()?;
    }
    ensure!(sorter.code.at == code.len(), "the code section is longer than its functions");
    Ok((sorter.streams.iter().map(Vec::len).collect(), sorter.streams.concat()))
}

struct Sorter<'a> {
    code: Reader<'a>,
    streams: [Vec<u8>; STREAMS],
}

impl Sorter<'_> {
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
            0x10 => self.numbers(Stream::Call, 1)?,
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
                    if let Some(last) = self.streams[Stream::Opcode as usize].last_mut() {
                        *last += UNALIGNED;
                    }
                    self.numbers(Stream::Alignment, 1)?;
                }
                self.numbers(Stream::Offset, 1)?
            }
            0x25 | 0x26 | 0x3f | 0x40 | 0xd0 | 0xd2 => self.numbers(Stream::Other, 1)?,
            0x41 => self.numbers(Stream::I32, 1)?,
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
mod tests {
    use super::*;
    use crate::command::{command, root, run, target};
    use wasm_encoder::{
        BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, HeapType, Instruction, MemArg,
        MemArgTarget, Module, RefType, TypeSection, ValType,
    };

    const FUNCTIONS: u32 = 1_500;

    /// Instructions of every sort of immediates. That they make sense together is not asked here.
    fn body() -> Vec<Instruction<'static>> {
        let at = |align: u32, offset: u64| MemArg { offset, align, target: MemArgTarget::Memory(0), ordering: None };
        vec![
            Instruction::Block(BlockType::Empty),
            Instruction::Loop(BlockType::Result(ValType::I32)),
            Instruction::If(BlockType::FunctionType(700)),
            Instruction::Else,
            Instruction::End,
            Instruction::BrTable(std::borrow::Cow::Owned((0..300).collect()), 7),
            Instruction::End,
            Instruction::Br(0),
            Instruction::End,
            Instruction::I32Load(at(2, 70_000)),
            Instruction::I32Load(at(0, 4)),
            Instruction::I64Store32(at(1, 0)),
            Instruction::I64Load8U(at(0, 129)),
            Instruction::I32Const(i32::MIN),
            Instruction::I64Const(i64::MIN),
            Instruction::F32Const(1.5_f32.into()),
            Instruction::F64Const((-0.1_f64).into()),
            Instruction::LocalTee(300),
            Instruction::GlobalSet(130),
            Instruction::Call(1_499),
            Instruction::CallIndirect { type_index: 200, table_index: 1 },
            Instruction::TypedSelect(ValType::I64),
            Instruction::Select,
            Instruction::RefNull(HeapType::EXTERN),
            Instruction::RefIsNull,
            Instruction::RefFunc(128),
            Instruction::TableGet(1),
            Instruction::TableGrow(1),
            Instruction::TableFill(1),
            Instruction::TableCopy { src_table: 0, dst_table: 1 },
            Instruction::MemoryGrow(0),
            Instruction::MemoryCopy { src_mem: 0, dst_mem: 0 },
            Instruction::MemoryFill(0),
            Instruction::I32TruncSatF64U,
            Instruction::I64Extend32S,
            Instruction::End,
        ]
    }

    fn module() -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut functions, mut code, mut exports) = (FunctionSection::new(), CodeSection::new(), ExportSection::new());
        exports.export("memory", ExportKind::Memory, 0);
        for number in 0..FUNCTIONS {
            functions.function(0);
            let locals =
                if number % 2 == 0 { vec![] } else { vec![(200, ValType::I32), (1, ValType::Ref(RefType::EXTERNREF))] };
            let mut function = Function::new(locals);
            for instruction in if number % 100 == 0 { body() } else { vec![Instruction::End] } {
                function.instruction(&instruction);
            }
            code.function(&function);
            exports.export(&split::shared_name(number), ExportKind::Func, number);
        }
        Module::new().section(&types).section(&functions).section(&exports).section(&code).clone().finish()
    }

    fn check(name: &str, whole: &[u8], sorted: &[u8]) {
        let folder = target().join("xtask/streams");
        std::fs::create_dir_all(&folder).unwrap();
        let paths = ["sorted", "whole"].map(|end| folder.join(format!("{name}-{end}.wasm")));
        for (path, bytes) in paths.iter().zip([sorted, whole]) {
            std::fs::write(path, bytes).unwrap();
        }
        let [script, streams] = ["xtask/src/dist/in-order.mjs", "public/streams.js"].map(|path| root().join(path));
        run(command("node", [script, streams]).args(paths)).unwrap();
    }

    #[test]
    fn the_page_puts_every_instruction_back_where_it_was() {
        let whole = module();
        let sorted = sort(&whole).unwrap();
        assert_eq!(boundaries(&sorted).len(), STREAMS + 1);
        assert!(boundaries(&whole).is_empty());
        check("all", &whole, &sorted);
        check("plain", &whole, &whole);
        check("empty", b"\0asm\x01\0\0\0", &sort(b"\0asm\x01\0\0\0").unwrap());
    }

    #[test]
    fn an_instruction_without_a_stream_is_an_error() {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        functions.function(0);
        let mut function = Function::new([]);
        function.instruction(&Instruction::V128Const(0)).instruction(&Instruction::End);
        code.function(&function);
        let module = Module::new().section(&types).section(&functions).section(&code).clone().finish();
        assert_eq!(sort(&module).unwrap_err().to_string(), "instruction 0xfd has no stream");
    }
}

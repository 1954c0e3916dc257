//! Which half the constant data goes to.
//!
//! The linker (`--emit-relocs`) says where each constant begins and ends, and by which addresses the code speaks of it;
//! the first half keeps those that its code, or a constant it keeps, holds an address in. Whatever is a number in that
//! range counts as an address, so a constant can be kept that nobody needs, but none is missing. Long ones, which many
//! numbers lie in (one more than the last `char`, for example), are only reached near an address that the linker knows.
//!
//! Where in the sources a panic happens (`core::panic::Location`) is handed down by code that runs, and read by code that
//! tells of a panic, which is in the second half: all those places go there.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use wasmparser::{DefinedDataSymbol, KnownCustom, Linking, Operator, Parser, Payload, SymbolInfo};

use super::module::Module;

/// Bytes between two kept pieces that cost less than a segment of their own.
const GAP_BYTES: usize = 8;

/// Longer constants are long.
const SHORT_BYTES: u32 = 256;
/// How far behind an address that the linker knows code reaches by an address of its own: fields, and words of a copy.
const REACH_BYTES: u32 = 64;

/// A stretch of memory: its address, and its bytes.
pub type Piece = (u32, Vec<u8>);

/// The constants, in order, none within another, and the addresses that the linker has put in.
pub struct Layout {
    constants: Vec<Constant>,
    known: BTreeSet<u32>,
}

struct Constant {
    begin: u32,
    end: u32,
    /// Some code reaches it by an address that does not lie in it: a loop from its end, or from before its begin.
    /// Nobody can tell from such an address what it is for, so these are always kept.
    is_reached_from_outside: bool,
}

impl Layout {
    /// Reads the linker's own sections of a module as rustc has made it.
    pub fn read(wasm: &[u8]) -> Result<Layout> {
        let segments = Module::parse(wasm)?.segments()?;
        let mut symbols: Vec<Option<DefinedDataSymbol>> = Vec::new();
        let mut outside = BTreeSet::new();
        let mut spoken = BTreeSet::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let Payload::CustomSection(section) = payload? else { continue };
            match section.as_known() {
                KnownCustom::Linking(linking) => {
                    for subsection in linking.subsections() {
                        let Linking::SymbolTable(table) = subsection? else { continue };
                        for symbol in table {
                            symbols.push(match symbol? {
                                SymbolInfo::Data { symbol, .. } => symbol,
                                _ => None,
                            });
                        }
                    }
                }
                KnownCustom::Reloc(relocations) => {
                    for entry in relocations.entries() {
                        let entry = entry?;
                        spoken.insert((entry.index as usize, entry.addend));
                        let size = symbols.get(entry.index as usize).and_then(Option::as_ref).map(|symbol| symbol.size);
                        if size.is_some_and(|size| !(0..i64::from(size.max(1))).contains(&entry.addend)) {
                            outside.insert(entry.index as usize);
                        }
                    }
                }
                _ => {}
            }
        }
        let mut constants = Vec::new();
        for (number, symbol) in symbols.iter().enumerate() {
            let Some(symbol) = symbol.filter(|symbol| symbol.size > 0) else { continue };
            let segment = segments.get(symbol.index as usize).context("a constant in no segment")?;
            let begin = segment.0 + symbol.offset;
            let is_reached_from_outside = outside.contains(&number);
            constants.push(Constant { begin, end: begin + symbol.size, is_reached_from_outside });
        }
        if constants.is_empty() {
            bail!("the linker names no constants: is it asked to `--emit-relocs`?");
        }
        let known = spoken.into_iter().filter_map(|(number, addend)| {
            let symbol = (*symbols.get(number)?)?;
            let begin = segments.get(symbol.index as usize)?.0 + symbol.offset;
            u32::try_from(i64::from(begin) + addend).ok()
        });
        Ok(Layout { known: known.collect(), constants: joined(constants) })
    }

    /// The number of the constant that an address lies in.
    fn find(&self, address: u32) -> Option<usize> {
        let number = self.constants.partition_point(|constant| constant.begin <= address).checked_sub(1)?;
        let constant = self.constants.get(number).filter(|constant| address < constant.end)?;
        let near = address.saturating_sub(REACH_BYTES).max(constant.begin)..=address;
        let is_meant = constant.end - constant.begin <= SHORT_BYTES || self.known.range(near).next().is_some();
        is_meant.then_some(number)
    }
}

/// Strings can be a part of others: those count as one.
fn joined(mut constants: Vec<Constant>) -> Vec<Constant> {
    constants.sort_by_key(|constant| (constant.begin, constant.end));
    let mut joined: Vec<Constant> = Vec::new();
    for constant in constants {
        match joined.last_mut() {
            Some(last) if constant.begin < last.end => {
                last.end = last.end.max(constant.end);
                last.is_reached_from_outside |= constant.is_reached_from_outside;
            }
            _ => joined.push(constant),
        }
    }
    joined
}

/// The memory as the module begins.
struct Image {
    begin: u32,
    bytes: Vec<u8>,
}

impl Image {
    fn of(module: &Module<'_>) -> Result<Image> {
        let pieces = module.segments()?;
        let begin = pieces.iter().map(|(at, _)| *at).min().context("the module has no data")?;
        let end = pieces.iter().map(|(at, bytes)| *at + bytes.len() as u32).max().unwrap_or(begin);
        let mut bytes = vec![0; (end - begin) as usize];
        for (at, piece) in pieces {
            let at = (at - begin) as usize;
            bytes[at..at + piece.len()].copy_from_slice(piece);
        }
        Ok(Image { begin, bytes })
    }

    fn end(&self) -> u32 {
        self.begin + self.bytes.len() as u32
    }

    /// Aligned words of a constant.
    fn words(&self, constant: &Constant) -> impl Iterator<Item = u32> {
        let (from, to) = (constant.begin.next_multiple_of(4), constant.end.min(self.end()));
        let bytes = self.bytes.get((from - self.begin) as usize..(to.max(from) - self.begin) as usize);
        bytes.unwrap_or_default().as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word))
    }

    /// Whether a constant is a `core::panic::Location`: address and length of a file's name, line, column.
    fn is_location(&self, constant: &Constant) -> bool {
        let words: Vec<u32> = self.words(constant).collect();
        let [name, length, line, column] = words[..] else { return false };
        // Addresses are larger than any line's number.
        if !(1..=100_000).contains(&line) || !(1..=10_000).contains(&column) {
            return false;
        }
        let name = name.checked_sub(self.begin).and_then(|at| self.bytes.get(at as usize..)?.get(..length as usize));
        constant.end - constant.begin == 16 && name.is_some_and(|name| name.ends_with(b".rs"))
    }

    /// The bytes that are wanted, in pieces. Zeros at the ends of a piece are left out: memory begins as zeros.
    fn pieces(&self, wanted: &[bool]) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for (at, byte) in self.bytes.iter().enumerate().filter(|(at, byte)| wanted[*at] && **byte != 0) {
            let address = self.begin + at as u32;
            match pieces.last_mut() {
                Some((begin, bytes)) if at - (*begin - self.begin) as usize - bytes.len() <= GAP_BYTES => {
                    let from = (*begin - self.begin) as usize + bytes.len();
                    bytes.extend_from_slice(&self.bytes[from..=at]);
                }
                _ => pieces.push((address, vec![*byte])),
            }
        }
        pieces
    }
}

/// The data of the two halves; `first` are the functions of the first.
pub fn divide(module: &Module<'_>, layout: &Layout, first: &[u32]) -> Result<[Vec<Piece>; 2]> {
    let image = Image::of(module)?;
    let outside = layout.constants.iter().enumerate().filter(|(_, constant)| constant.is_reached_from_outside);
    let mut waiting: Vec<usize> = outside.map(|(number, _)| number).collect();
    waiting.extend(addresses(module, first)?.into_iter().filter_map(|address| layout.find(address)));
    let mut kept = BTreeSet::new();
    while let Some(number) = waiting.pop() {
        if !image.is_location(&layout.constants[number]) && kept.insert(number) {
            waiting.extend(image.words(&layout.constants[number]).filter_map(|word| layout.find(word)));
        }
    }
    // What belongs to no constant stays, too.
    let mut wanted = vec![true; image.bytes.len()];
    for (number, constant) in layout.constants.iter().enumerate() {
        // What lies behind the image is zero in any case.
        let [from, to] = [constant.begin, constant.end].map(|at| (at.min(image.end()) - image.begin) as usize);
        wanted[from..to].fill(kept.contains(&number));
    }
    let first = image.pieces(&wanted);
    wanted.iter_mut().for_each(|wanted| *wanted = !*wanted);
    Ok([first, image.pieces(&wanted)])
}

/// Whatever in these functions can be an address: constants, and the offsets of loads and stores.
fn addresses(module: &Module<'_>, functions: &[u32]) -> Result<BTreeSet<u32>> {
    let mut addresses = BTreeSet::new();
    for function in functions {
        for operator in module.body(*function).get_operators_reader()? {
            let operator = operator?;
            if let Operator::I32Const { value } = operator {
                addresses.insert(value as u32);
            }
            addresses.extend(memory_offset(&operator).and_then(|offset| u32::try_from(offset).ok()));
        }
    }
    Ok(addresses)
}

fn memory_offset(operator: &Operator<'_>) -> Option<u64> {
    use Operator::*;
    match operator {
        I32Load { memarg }
        | I64Load { memarg }
        | F32Load { memarg }
        | F64Load { memarg }
        | I32Load8S { memarg }
        | I32Load8U { memarg }
        | I32Load16S { memarg }
        | I32Load16U { memarg }
        | I64Load8S { memarg }
        | I64Load8U { memarg }
        | I64Load16S { memarg }
        | I64Load16U { memarg }
        | I64Load32S { memarg }
        | I64Load32U { memarg }
        | I32Store { memarg }
        | I64Store { memarg }
        | F32Store { memarg }
        | F64Store { memarg }
        | I32Store8 { memarg }
        | I32Store16 { memarg }
        | I64Store8 { memarg }
        | I64Store16 { memarg }
        | I64Store32 { memarg }
        | V128Load { memarg }
        | V128Store { memarg } => Some(memarg.offset),
        _ => None,
    }
}

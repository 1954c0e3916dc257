//! The first half's functions in the order of their calls, and the slots by which it calls the second in the order in which
//! it first speaks of them. Most of these numbers then follow from those before, and take no room where code is sorted
//! (`dist/streams.rs`).

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ElementSection, EntityType, ExportSection, FunctionSection, ImportSection, Instruction,
    Module as Encoded,
};
use wasmparser::{ExternalKind, Operator};

use super::module::Module;
use super::plan::{ENSURE, FIRST, elements, shared_name};

/// Both halves with new numbers, and new names for what they share, which follow the functions.
pub fn order(first: &[u8], second: &[u8]) -> Result<[Vec<u8>; 2]> {
    let [module, other] = [Module::parse(first)?, Module::parse(second)?];
    let ensure =
        module.exports.iter().find(|export| export.name == ENSURE).context("nothing brings the second half")?;
    let ensure = ensure.index;
    let order = by_calls(&module)?;
    let functions: BTreeMap<u32, u32> = order.iter().copied().zip(module.imports_count()..).collect();
    let slots = slots(&module, &other, &order, ensure)?;
    let shared: BTreeSet<&str> = other.imports.iter().map(|(_, name, _)| *name).collect();
    let shared =
        module.exports.iter().filter(|export| export.kind == ExternalKind::Func && shared.contains(export.name));
    let new = |function: u32| functions.get(&function).copied().unwrap_or(function);
    let mut shared: Vec<(u32, &str)> = shared.map(|export| (new(export.index), export.name)).collect();
    shared.sort();
    let names = shared.iter().zip(0..).map(|((_, name), number)| (*name, shared_name(number))).collect();
    let others = (other.imports_count()..other.functions_count()).collect();
    Ok([
        Half { module, order, functions: &functions, slots: &slots, names: &names, ensure: Some(ensure) }
            .write(first)?,
        Half { module: other, order: others, functions: &BTreeMap::new(), slots: &slots, names: &names, ensure: None }
            .write(second)?,
    ])
}

/// Defined functions, each after those that it calls: the last of them that nobody has called yet is the one that it calls
/// first.
fn by_calls(module: &Module<'_>) -> Result<Vec<u32>> {
    let defined = module.imports_count()..module.functions_count();
    let mut calls = BTreeMap::new();
    for function in defined.clone() {
        calls.insert(function, module.named_in(function)?);
    }
    let called: BTreeSet<u32> = calls.values().flatten().copied().collect();
    let mut order = Vec::new();
    let mut seen: BTreeSet<u32> = (0..module.imports_count()).collect();
    for root in defined.clone().filter(|function| !called.contains(function)).chain(defined) {
        // Functions, and how many of their calls are left to look at, the last first.
        let mut open = Vec::new();
        if seen.insert(root) {
            open.push((root, calls[&root].len()));
        }
        while let Some((function, left)) = open.last_mut() {
            let Some(next) = left.checked_sub(1) else {
                order.push(*function);
                open.pop();
                continue;
            };
            *left = next;
            let named = calls[function][next];
            if seen.insert(named) {
                open.push((named, calls[&named].len()));
            }
        }
    }
    Ok(order)
}

/// New numbers of the slots through which the code calls the second half, out of those that only the second half fills. One
/// that the code speaks of in any other way stays: an optimizer may have parted it from its call.
fn slots(module: &Module<'_>, other: &Module<'_>, order: &[u32], ensure: u32) -> Result<BTreeMap<u32, u32>> {
    let (mut called, mut others) = (Vec::new(), BTreeSet::new());
    for function in order {
        let operators = operators(module, *function)?;
        for (at, operator) in operators.iter().enumerate() {
            match (slot(&operators[at..], ensure), operator) {
                (Some(slot), _) => called.push(slot),
                (None, Operator::I32Const { value }) => {
                    others.insert(*value as u32);
                }
                _ => {}
            }
        }
    }
    let filled: BTreeSet<u32> = module.slots.iter().map(|(_, slot, _)| *slot).collect();
    let later = other.slots.iter().map(|(_, slot, _)| *slot);
    let free: BTreeSet<u32> = later.filter(|slot| !filled.contains(slot) && !others.contains(slot)).collect();
    let mut seen = BTreeSet::new();
    let in_order =
        called.into_iter().chain(free.iter().copied()).filter(|slot| free.contains(slot) && seen.insert(*slot));
    Ok(in_order.zip(free.iter().copied()).collect())
}

fn operators<'a>(module: &Module<'a>, function: u32) -> Result<Vec<Operator<'a>>> {
    Ok(module.body(function).get_operators_reader()?.into_iter().collect::<Result<_, _>>()?)
}

/// The slot that is called through here.
fn slot(operators: &[Operator<'_>], ensure: u32) -> Option<u32> {
    let [Operator::I32Const { value }, Operator::Call { function_index }, Operator::CallIndirect { .. }, ..] =
        operators
    else {
        return None;
    };
    (*function_index == ensure).then_some(*value as u32)
}

struct Half<'a, 'n> {
    module: Module<'a>,
    /// Defined functions, by their old numbers.
    order: Vec<u32>,
    /// New numbers of functions, of slots, and names of what both halves share. What is in none of them stays.
    functions: &'n BTreeMap<u32, u32>,
    slots: &'n BTreeMap<u32, u32>,
    names: &'n BTreeMap<&'a str, String>,
    /// In the first half, what brings the second.
    ensure: Option<u32>,
}

type Outcome = Result<(), Error<anyhow::Error>>;

impl Half<'_, '_> {
    fn write(mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut encoded = Encoded::new();
        let parsed = self.parse_core_module(&mut encoded, wasmparser::Parser::new(0), bytes);
        parsed.map_err(|error| anyhow!("the halves cannot be put in order: {error}"))?;
        Ok(encoded.finish())
    }

    fn name<'b>(&'b self, name: &'b str) -> &'b str {
        self.names.get(name).map_or(name, String::as_str)
    }
}

impl Reencode for Half<'_, '_> {
    type Error = anyhow::Error;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<anyhow::Error>> {
        Ok(self.functions.get(&function).copied().unwrap_or(function))
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Outcome {
        for import in section.into_imports() {
            let import = import?;
            let of: EntityType = self.entity_type(import.ty)?;
            let name = if import.module == FIRST { self.name(import.name) } else { import.name };
            imports.import(import.module, name, of);
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        _: wasmparser::FunctionSectionReader<'_>,
    ) -> Outcome {
        for function in &self.order {
            functions.function(self.module.type_of(*function));
        }
        Ok(())
    }

    /// What both share comes last.
    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Outcome {
        let mut shared = Vec::new();
        for export in section {
            let export = export?;
            match self.names.get(export.name) {
                Some(name) => shared.push((self.function_index(export.index)?, name.as_str())),
                None => utils::parse_export(self, exports, export)?,
            }
        }
        shared.sort_by_key(|(function, name)| (*function, name.len(), *name));
        for (function, name) in shared {
            exports.export(name, wasm_encoder::ExportKind::Func, function);
        }
        Ok(())
    }

    fn parse_element_section(
        &mut self,
        section: &mut ElementSection,
        _: wasmparser::ElementSectionReader<'_>,
    ) -> Outcome {
        let new = self.module.slots.iter().map(|(table, slot, function)| {
            let function = self.functions.get(function).unwrap_or(function);
            (*table, self.slots.get(slot).copied().unwrap_or(*slot), *function)
        });
        *section = elements(&new.collect());
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, _: wasmparser::CodeSectionReader<'_>) -> Outcome {
        for function in std::mem::take(&mut self.order) {
            let body = self.module.body(function).clone();
            let mut written = self.new_function_with_parsed_locals(&body)?;
            let operators = operators(&self.module, function).map_err(Error::UserError)?;
            for (at, operator) in operators.iter().enumerate() {
                let slot = self.ensure.and_then(|ensure| slot(&operators[at..], ensure));
                let instruction = match slot.and_then(|slot| self.slots.get(&slot)) {
                    Some(slot) => Instruction::I32Const(*slot as i32),
                    None => self.instruction(operator.clone())?,
                };
                written.instruction(&instruction);
            }
            code.function(&written);
        }
        Ok(())
    }
}

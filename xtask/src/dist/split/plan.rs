//! Writing the two modules that a module is split into.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow};
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemorySection, Module as Encoded,
    TableSection, TypeSection, ValType,
};

use super::data::{self, Layout, Piece};
use super::module::Module;

/// What the second module imports everything from: the exports of the first.
pub const FIRST: &str = "first";

/// By this name the first half exports what brings the second if it is not there, and gives the slot that it takes.
pub const ENSURE: &str = "ensure";

/// The slots by which the second half is called begin here at least: numbers that nothing else in the code is likely to have.
const SLOTS_BEGIN: u64 = 6_000;

/// A moved function that is called more often has a stub; each call in place takes some bytes more than that of a stub.
const CALLS_IN_PLACE_MAX: u32 = 4;

/// Which function goes where.
pub struct Plan<'a> {
    module: &'a Module<'a>,
    /// Defined functions of the first module, in order.
    kept: Vec<u32>,
    /// Defined functions of the second, in order.
    moved: Vec<u32>,
    /// The slots through which the first module calls moved functions.
    slots: BTreeMap<u32, u32>,
    /// Those of them that have a function of their own in the first module to call them. The others are called in place.
    stubs: BTreeSet<u32>,
    /// What the second module takes from the first: functions, by their old index.
    shared: BTreeSet<u32>,
    /// The imported function that brings the second module.
    load: u32,
    table: u32,
    /// Slots of the table, with those that were added for stubs.
    table_len: u64,
    /// The data of both.
    data: [Vec<Piece>; 2],
}

impl<'a> Plan<'a> {
    /// `keep` says which defined functions the first module must have.
    pub fn new(module: &'a Module<'a>, layout: &Layout, keep: impl Fn(u32) -> bool, load: u32) -> Result<Plan<'a>> {
        let exported: BTreeSet<u32> = module.exported_functions().chain(module.start).collect();
        let defined = module.imports_count()..module.functions_count();
        let (kept, moved): (Vec<u32>, Vec<u32>) =
            defined.partition(|function| keep(*function) || exported.contains(function));
        let is_moved: BTreeSet<u32> = moved.iter().copied().collect();
        let table = module.function_table()?;
        let mut table_len = module.tables[table as usize].initial;
        let in_table = module.slots.iter().filter(|(of, _, function)| *of == table && is_moved.contains(function));
        let mut stubs: BTreeSet<u32> = in_table.map(|(_, _, function)| *function).collect();
        let mut calls: BTreeMap<u32, u32> = BTreeMap::new();
        for function in &kept {
            for named in module.named_in(*function)?.into_iter().filter(|named| is_moved.contains(named)) {
                *calls.entry(named).or_default() += 1;
            }
        }
        stubs.extend(calls.iter().filter(|(_, count)| **count > CALLS_IN_PLACE_MAX).map(|(function, _)| *function));
        // Slots of their own also for those that are in the table already: these follow each other.
        let called: BTreeSet<u32> = stubs.iter().chain(calls.keys()).copied().collect();
        table_len = table_len.max(SLOTS_BEGIN);
        let slots: BTreeMap<u32, u32> = called.into_iter().zip(table_len as u32..).collect();
        table_len += slots.len() as u64;
        let mut shared = BTreeSet::new();
        for function in &moved {
            shared.extend(module.named_in(*function)?.into_iter().filter(|named| !is_moved.contains(named)));
        }
        let data = data::divide(module, layout, &kept)?;
        Ok(Plan { module, kept, moved, slots, stubs, shared, load, table, table_len, data })
    }

    /// The module that starts: what was kept, and a stub for whatever it needs of the other.
    pub fn first(&self) -> Result<Vec<u8>> {
        let imports_count = self.module.imports_count();
        let defined = self.kept.iter().chain(&self.stubs);
        let mut indices: BTreeMap<u32, u32> = (0..imports_count).map(|import| (import, import)).collect();
        indices.extend(defined.copied().zip(imports_count..));
        let ensure = imports_count + (self.kept.len() + self.stubs.len()) as u32;
        let loaded = self.module.globals.len() as u32;
        let mut renumber = Renumber { indices, in_place: None };
        let mut encoded = Encoded::new();

        // One type more: that of `ensure`, which gives the slot that it takes.
        let mut types = self.types(&mut renumber)?;
        let ensure_type = types.len();
        types.ty().function([ValType::I32], [ValType::I32]);
        encoded.section(&types);
        let mut imports = ImportSection::new();
        for (module, name, of) in &self.module.imports {
            imports.import(module, name, EntityType::Function(*of));
        }
        encoded.section(&imports);
        let mut functions = FunctionSection::new();
        for function in self.kept.iter().chain(&self.stubs) {
            functions.function(self.module.type_of(*function));
        }
        functions.function(ensure_type);
        encoded.section(&functions);
        let mut tables = TableSection::new();
        for table in self.tables(&mut renumber)? {
            tables.table(table);
        }
        encoded.section(&tables);
        let mut memories = MemorySection::new();
        for memory in &self.module.memories {
            memories.memory(said(renumber.memory_type(*memory))?);
        }
        encoded.section(&memories);
        let mut globals = GlobalSection::new();
        for global in &self.module.globals {
            let init = said(renumber.const_expr(global.init_expr.clone()))?;
            globals.global(said(renumber.global_type(global.ty))?, &init);
        }
        globals.global(GlobalType { val_type: ValType::I32, mutable: true, shared: false }, &ConstExpr::i32_const(0));
        encoded.section(&globals);
        encoded.section(&self.exports(&mut renumber, ensure)?);
        if let Some(start) = self.module.start {
            encoded.section(&wasm_encoder::StartSection { function_index: renumber.of(start)? });
        }
        encoded.section(&elements(&renumber.slots(self.module.slots.iter().copied())?));
        let mut code = CodeSection::new();
        renumber.in_place = Some((self, ensure));
        for function in &self.kept {
            said(renumber.parse_function_body(&mut code, self.module.body(*function).clone()))?;
        }
        for function in &self.stubs {
            code.function(&self.stub(*function, ensure));
        }
        code.function(&self.ensure(loaded));
        encoded.section(&code);
        encoded.section(&segments(&self.data[0]));
        Ok(encoded.finish())
    }

    /// The module that is loaded when the first of its functions is called. Its elements put it into the table.
    pub fn second(&self) -> Result<Vec<u8>> {
        let shared = self.shared.iter().copied();
        let indices = shared.chain(self.moved.iter().copied()).zip(0..).collect();
        let mut renumber = Renumber { indices, in_place: None };
        let mut encoded = Encoded::new();
        encoded.section(&self.types(&mut renumber)?);
        let mut imports = ImportSection::new();
        for (function, number) in self.shared.iter().zip(0..) {
            imports.import(FIRST, &shared_name(number), EntityType::Function(self.module.type_of(*function)));
        }
        for (number, table) in self.tables(&mut renumber)?.into_iter().enumerate() {
            imports.import(FIRST, &format!("t{number}"), EntityType::Table(table));
        }
        for (number, memory) in self.module.memories.iter().enumerate() {
            let memory = said(renumber.memory_type(*memory))?;
            imports.import(FIRST, &format!("m{number}"), EntityType::Memory(memory));
        }
        for (number, global) in self.module.globals.iter().enumerate() {
            let global = said(renumber.global_type(global.ty))?;
            imports.import(FIRST, &format!("g{number}"), EntityType::Global(global));
        }
        encoded.section(&imports);
        let mut functions = FunctionSection::new();
        for function in &self.moved {
            functions.function(self.module.type_of(*function));
        }
        encoded.section(&functions);
        let moved: BTreeSet<u32> = self.moved.iter().copied().collect();
        let old_slots = self.module.slots.iter().copied().filter(|(.., function)| moved.contains(function));
        let new_slots = self.slots.iter().map(|(function, slot)| (self.table, *slot, *function));
        encoded.section(&elements(&renumber.slots(old_slots.chain(new_slots))?));
        let mut code = CodeSection::new();
        for function in &self.moved {
            said(renumber.parse_function_body(&mut code, self.module.body(*function).clone()))?;
        }
        encoded.section(&code);
        encoded.section(&segments(&self.data[1]));
        Ok(encoded.finish())
    }

    fn types(&self, renumber: &mut Renumber) -> Result<TypeSection> {
        let mut types = TypeSection::new();
        for of in self.module.types() {
            types.ty().func_type(&said(renumber.func_type(of.clone()))?);
        }
        Ok(types)
    }

    fn tables(&self, renumber: &mut Renumber) -> Result<Vec<wasm_encoder::TableType>> {
        let tables = (0..).zip(&self.module.tables).map(|(number, table)| {
            let mut table = said(renumber.table_type(*table))?;
            if number == self.table {
                table.minimum = self.table_len;
                table.maximum = table.maximum.map(|most| most.max(self.table_len));
            }
            Ok(table)
        });
        tables.collect()
    }

    /// What was exported before, and what the second module needs, by short names of its own.
    fn exports(&self, renumber: &mut Renumber, ensure: u32) -> Result<ExportSection> {
        let mut exports = ExportSection::new();
        for export in &self.module.exports {
            said(renumber.parse_export(&mut exports, *export))?;
        }
        let others = [
            ("t", ExportKind::Table, self.module.tables.len()),
            ("m", ExportKind::Memory, self.module.memories.len()),
            ("g", ExportKind::Global, self.module.globals.len()),
        ];
        for (letter, kind, count) in others {
            for number in 0..count {
                exports.export(&format!("{letter}{number}"), kind, number as u32);
            }
        }
        exports.export(ENSURE, ExportKind::Func, ensure);
        for (function, number) in self.shared.iter().zip(0..) {
            exports.export(&shared_name(number), ExportKind::Func, renumber.of(*function)?);
        }
        Ok(exports)
    }

    /// Brings the second module if it is not there, then calls what stands in the slot.
    fn stub(&self, function: u32, ensure: u32) -> Function {
        let type_index = self.module.type_of(function);
        let mut stub = Function::new([]);
        for param in 0..self.module.signature(type_index).params().len() as u32 {
            stub.instruction(&Instruction::LocalGet(param));
        }
        for instruction in self.through_table(function, ensure) {
            stub.instruction(&instruction);
        }
        stub.instruction(&Instruction::End);
        stub
    }

    /// `ensure` stands between the slot and the call, so that no optimizer parts the three.
    fn through_table(&self, function: u32, ensure: u32) -> [Instruction<'static>; 3] {
        let type_index = self.module.type_of(function);
        let call = Instruction::CallIndirect { type_index, table_index: self.table };
        [Instruction::I32Const(self.slots[&function] as i32), Instruction::Call(ensure), call]
    }

    fn ensure(&self, loaded: u32) -> Function {
        let mut ensure = Function::new([]);
        ensure.instruction(&Instruction::GlobalGet(loaded));
        ensure.instruction(&Instruction::I32Eqz);
        ensure.instruction(&Instruction::If(BlockType::Empty));
        ensure.instruction(&Instruction::Call(self.load));
        ensure.instruction(&Instruction::I32Const(1));
        ensure.instruction(&Instruction::GlobalSet(loaded));
        ensure.instruction(&Instruction::End);
        ensure.instruction(&Instruction::LocalGet(0));
        ensure.instruction(&Instruction::End);
        ensure
    }
}

/// Element segments, one for each run of slots: table, slot, function.
pub fn elements(slots: &BTreeSet<(u32, u32, u32)>) -> ElementSection {
    let mut runs: Vec<(u32, u32, Vec<u32>)> = Vec::new();
    for (table, slot, function) in slots.iter().copied() {
        match runs.last_mut() {
            Some((of, begin, run)) if *of == table && *begin + run.len() as u32 == slot => run.push(function),
            _ => runs.push((table, slot, vec![function])),
        }
    }
    let mut elements = ElementSection::new();
    for (table, slot, run) in runs {
        let table = (table != 0).then_some(table);
        elements.active(table, &ConstExpr::i32_const(slot as i32), Elements::Functions(run.into()));
    }
    elements
}

fn segments(pieces: &[Piece]) -> DataSection {
    let mut data = DataSection::new();
    for (address, bytes) in pieces {
        data.active(0, &ConstExpr::i32_const(*address as i32), bytes.iter().copied());
    }
    data
}

/// The name of the function number so much that the first module hands to the second: `_0` to `_z`, `_10` …
pub fn shared_name(number: u32) -> String {
    format!("_{}", base36(number))
}

pub fn base36(mut number: u32) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digits = String::new();
    loop {
        digits.insert(0, DIGITS[(number % 36) as usize] as char);
        number /= 36;
        if number == 0 {
            return digits;
        }
    }
}

/// New indices of functions.
struct Renumber<'p> {
    indices: BTreeMap<u32, u32>,
    /// While bodies of the first module are written: the plan, and the function that brings the second.
    in_place: Option<(&'p Plan<'p>, u32)>,
}

impl Renumber<'_> {
    fn slots(&self, old: impl Iterator<Item = (u32, u32, u32)>) -> Result<BTreeSet<(u32, u32, u32)>> {
        old.map(|(table, slot, function)| Ok((table, slot, self.of(function)?))).collect()
    }

    fn of(&self, function: u32) -> Result<u32> {
        self.indices.get(&function).copied().with_context(|| format!("function {function} is in neither module"))
    }
}

impl Reencode for Renumber<'_> {
    type Error = anyhow::Error;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<anyhow::Error>> {
        self.of(function).map_err(Error::UserError)
    }

    fn parse_function_body(
        &mut self,
        section: &mut CodeSection,
        body: wasmparser::FunctionBody<'_>,
    ) -> Result<(), Error<anyhow::Error>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            if let wasmparser::Operator::Call { function_index } = operator
                && let Some((plan, ensure)) = self.in_place
                && !self.indices.contains_key(&function_index)
                && plan.slots.contains_key(&function_index)
            {
                // The arguments are on the stack already.
                for instruction in plan.through_table(function_index, ensure) {
                    function.instruction(&instruction);
                }
                continue;
            }
            function.instruction(&self.instruction(operator)?);
        }
        section.function(&function);
        Ok(())
    }
}

fn said<T>(result: Result<T, Error<anyhow::Error>>) -> Result<T> {
    result.map_err(|error| anyhow!("the module cannot be split: {error}"))
}

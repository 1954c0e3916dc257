//! Sorting, undone by the page's own script.

use super::*;
use crate::command::{command, root, run, target};
use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, HeapType, Instruction, MemArg,
    MemArgTarget, Module, RefType, TypeSection, ValType,
};

const FUNCTIONS: u32 = 1_500;
/// The function that brings the second half.
const ENSURE: u32 = 150;

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
        // A function that is the last nobody has called, one that was called, and one that is to come.
        Instruction::Call(99),
        Instruction::Call(99),
        Instruction::Call(1_498),
        // Constants that are added, subtracted, compared, and addresses.
        Instruction::I32Const(300),
        Instruction::I32Add,
        Instruction::I32Const(-1),
        Instruction::I32Sub,
        Instruction::I32Const(-1_000_000),
        Instruction::I32Eq,
        Instruction::I32Const(1_050_000),
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
    ]
    .into_iter()
    .chain(cold_calls())
    .chain([Instruction::End])
    .collect()
}

/// Calls of the second half by slots that follow each other, repeat, leave out some, jump ahead, and come before the first;
/// last what looks like one and is none.
fn cold_calls() -> impl Iterator<Item = Instruction<'static>> {
    let slots = [60, 61, 60, 65, 5_000, 66, 3, 9_000];
    let calls = slots.into_iter().map(|slot| (slot, ENSURE, 0)).chain([(67, ENSURE + 1, 0), (67, ENSURE, 1)]);
    calls.flat_map(|(slot, function, table_index)| {
        let call = Instruction::CallIndirect { type_index: 200, table_index };
        [Instruction::I32Const(slot), Instruction::Call(function), call]
    })
}

fn module() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut functions, mut code, mut exports) = (FunctionSection::new(), CodeSection::new(), ExportSection::new());
    exports.export("memory", ExportKind::Memory, 0);
    exports.export(split::ENSURE, ExportKind::Func, ENSURE);
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

//! Splitting, on modules small enough to be seen whole. That the halves compute what the whole does is checked with
//! every build of the site, in the rehearsal.

use wasm_encoder::*;
use wasmparser::{Operator, Parser, Payload};

use super::code::Code;
use super::liveness::Liveness;
use super::module;
use super::region::{Body, Exit};
use super::{ENSURE, instrument, order, outline, without_linking};

/// `fn (i32) -> i32` with one local more, and a body of its own.
fn module_of(body: &[Instruction<'_>]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut globals = GlobalSection::new();
    let stack_pointer = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    globals.global(stack_pointer, &ConstExpr::i32_const(1024));
    let mut exports = ExportSection::new();
    exports.export("run", ExportKind::Func, 0);
    let mut code = CodeSection::new();
    let mut function = Function::new([(1, ValType::I32)]);
    for instruction in body {
        function.instruction(instruction);
    }
    code.function(&function);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&globals).section(&exports).section(&code);
    module.finish()
}

/// Adds 1 if the parameter is 0, else does something long that did not run: sets the local, and returns it.
fn branching() -> Vec<Instruction<'static>> {
    let mut body = vec![
        Instruction::LocalGet(0),
        Instruction::If(BlockType::Empty),
        Instruction::LocalGet(0),
        Instruction::LocalSet(1),
    ];
    for _ in 0..20 {
        body.extend([
            Instruction::LocalGet(1),
            Instruction::I32Const(3),
            Instruction::I32Mul,
            Instruction::LocalSet(1),
        ]);
    }
    body.extend([
        Instruction::End,
        Instruction::LocalGet(1),
        Instruction::I32Const(1),
        Instruction::I32Add,
        Instruction::End,
    ]);
    body
}

#[test]
fn stretches_end_where_control_may_go_elsewhere() {
    let wasm = module_of(&branching());
    let module = module::Module::parse(&wasm).unwrap();
    let code = Code::read(&module.bodies[0]).unwrap();
    assert_eq!(code.stretches_count, 3);
    assert_eq!(code.stretch[0], code.stretch[1]);
    assert_eq!(code.end_of(1), code.operators.iter().position(|operator| matches!(operator, Operator::End)).unwrap());
}

#[test]
fn a_cold_block_becomes_a_function_of_what_it_reads_and_sets() {
    let wasm = module_of(&branching());
    let module = module::Module::parse(&wasm).unwrap();
    let code = Code::read(&module.bodies[0]).unwrap();
    let locals = [wasmparser::ValType::I32; 2];
    let liveness = Liveness::of(&code, locals.len());
    let hot = |at: usize| code.stretch[at] != 1;
    let results = [wasmparser::ValType::I32];
    let body =
        Body { module: &module, code: &code, locals: &locals, liveness: &liveness, results: &results, hot: &hot };
    let regions = body.regions();
    assert_eq!(regions.len(), 1);
    assert_eq!((regions[0].begin, regions[0].exits.as_slice()), (2, &[Exit::Fall][..]));
    // The local is set before it is read: it comes out, but does not go in.
    assert_eq!((regions[0].params.as_slice(), regions[0].sets.as_slice()), (&[0][..], &[1][..]));
}

#[test]
fn what_is_needed_is_known_in_the_middle_of_a_stretch() {
    let wasm = module_of(&branching());
    let module = module::Module::parse(&wasm).unwrap();
    let code = Code::read(&module.bodies[0]).unwrap();
    let liveness = Liveness::of(&code, 2);
    assert!(!liveness.before(2).has(1) && liveness.before(2).has(0));
    assert!(liveness.before(4).has(1) && !liveness.before(4).has(0));
}

#[test]
fn outlining_adds_a_function_that_has_not_run_and_calls_it() {
    let wasm = module_of(&branching());
    let (outlined, ran) = outline::outline(&wasm, |stretch| stretch != 1).unwrap();
    assert_eq!(ran, [true, false]);
    let module = module::Module::parse(&outlined).unwrap();
    assert_eq!(module.named_in(0).unwrap(), [1]);
    assert!(module.body(0).range().end - module.body(0).range().start < 40);
    // Nothing cold, nothing outlined.
    let (whole, ran) = outline::outline(&wasm, |_| true).unwrap();
    assert_eq!((ran.len(), module::Module::parse(&whole).unwrap().functions.len()), (1, 1));
}

#[test]
fn an_instrumented_module_exports_a_bit_for_each_stretch() {
    let wasm = instrument(&module_of(&branching())).unwrap();
    let module = module::Module::parse(&wasm).unwrap();
    let names: Vec<&str> = module.exports.iter().map(|export| export.name).collect();
    assert_eq!(names, ["run", "ran:0"]);
    let marks = Code::read(&module.bodies[0]).unwrap();
    let sets = marks.operators.iter().filter(|operator| matches!(operator, Operator::GlobalSet { .. })).count();
    assert_eq!(sets, 3);
}

#[test]
fn only_the_linkers_sections_are_left_out() {
    let mut wasm = module_of(&branching());
    for name in ["linking", "reloc.CODE", "name"] {
        let section = CustomSection { name: name.into(), data: (&[][..]).into() };
        wasm.push(section.id());
        section.encode(&mut wasm);
    }
    let kept = without_linking(&wasm).unwrap();
    let names: Vec<String> = Parser::new(0)
        .parse_all(&kept)
        .filter_map(|payload| match payload.unwrap() {
            Payload::CustomSection(section) => Some(section.name().to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["name"]);
}

/// One function calls another, both call the second half by its slots; slot 1 may be named otherwise, too.
#[test]
fn functions_and_slots_are_numbered_as_the_code_speaks_of_them() {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I32], [ValType::I32]);
    let bodies: [&[i32]; 3] = [&[3, 2, 1], &[], &[3]];
    let (mut functions, mut code, mut exports) = (FunctionSection::new(), CodeSection::new(), ExportSection::new());
    for (number, slots) in bodies.iter().enumerate() {
        functions.function(u32::from(number == 1));
        let mut function = Function::new([]);
        for slot in *slots {
            function.instruction(&Instruction::I32Const(*slot)).instruction(&Instruction::Call(1));
            function.instruction(&Instruction::CallIndirect { type_index: 0, table_index: 0 });
        }
        if number == 0 {
            function.instruction(&Instruction::Call(2));
            function.instruction(&Instruction::I32Const(1)).instruction(&Instruction::Drop);
        }
        code.function(function.instruction(&Instruction::End));
    }
    exports.export(ENSURE, ExportKind::Func, 1).export("_0", ExportKind::Func, 0).export("_1", ExportKind::Func, 2);
    let mut first = Module::new();
    first.section(&types).section(&functions).section(&exports).section(&code);

    let (mut imports, mut elements) = (ImportSection::new(), ElementSection::new());
    imports.import("first", "_0", EntityType::Function(0)).import("first", "_1", EntityType::Function(0));
    elements.active(None, &ConstExpr::i32_const(1), Elements::Functions(vec![0, 1, 0].into()));
    let mut second = Module::new();
    second.section(&types).section(&imports).section(&elements);

    let [first, second] = order(&first.finish(), &second.finish()).unwrap();
    let module = module::Module::parse(&first).unwrap();
    // What is called comes before the caller, the first called last.
    let exports: Vec<(&str, u32)> = module.exports.iter().map(|export| (export.name, export.index)).collect();
    assert_eq!(exports, [(ENSURE, 0), ("_0", 1), ("_1", 2)]);
    let slots = |function: u32| -> Vec<i32> {
        let code = Code::read(module.body(function)).unwrap();
        let constants = code.operators.iter().filter_map(|operator| match operator {
            Operator::I32Const { value } => Some(*value),
            _ => None,
        });
        constants.collect()
    };
    // Slot 1 stays; the other two change places.
    assert_eq!((slots(1), slots(2)), (vec![2], vec![2, 3, 1, 1]));
    let second = module::Module::parse(&second).unwrap();
    let names: Vec<&str> = second.imports.iter().map(|(_, name, _)| *name).collect();
    assert_eq!((names, second.slots), (vec!["_1", "_0"], vec![(0, 1, 0), (0, 2, 0), (0, 3, 1)]));
}

//! Moves what never ran out of the functions that did: each cold region becomes a function of its own.

use std::collections::BTreeMap;
use std::convert::Infallible;

use anyhow::{Result, anyhow};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, Function, FunctionSection, Instruction, Module as Encoded, TypeSection, ValType,
};
use wasmparser::{FunctionBody, Operator};

use super::code::Code;
use super::liveness::Liveness;
use super::module::Module;
use super::region::{Body, Exit, Region};

/// The module with its regions outlined. `ran` says of a stretch (numbered over all bodies) whether it ran; given back
/// is, for each defined function of the new module, whether it ran.
pub fn outline(wasm: &[u8], ran: impl Fn(u32) -> bool) -> Result<(Vec<u8>, Vec<bool>)> {
    let module = Module::parse(wasm)?;
    let mut outline = Outline::new(&module);
    let mut base = 0;
    let mut bodies = Vec::new();
    let mut functions_ran = Vec::new();
    for (number, body) in module.bodies.iter().enumerate() {
        let code = Code::read(body)?;
        let first = base;
        base += code.stretches_count;
        functions_ran.push(ran(first));
        let function = module.imports_count() + number as u32;
        bodies.push(match ran(first) {
            true => outline.body(function, body, &code, &|at| ran(first + code.stretch[at]))?,
            false => outline.whole(body, &code)?,
        });
    }
    functions_ran.resize(bodies.len() + outline.made.len(), false);
    bodies.extend(std::mem::take(&mut outline.made).into_iter().map(|(_, function)| function));
    let mut writer = Writer { bodies: bodies.into_iter(), types: &outline.types, functions: &outline.functions };
    let mut encoded = Encoded::new();
    said(writer.parse_core_module(&mut encoded, wasmparser::Parser::new(0), wasm))?;
    Ok((encoded.finish(), functions_ran))
}

type Signature = (Vec<ValType>, Vec<ValType>);

struct Outline<'a, 'b> {
    module: &'b Module<'a>,
    /// Signatures that the module has or will have, and the new ones in order.
    known: BTreeMap<String, u32>,
    types: Vec<Signature>,
    /// Types of the functions that are added.
    functions: Vec<u32>,
    made: Vec<(u32, Function)>,
}

/// Keeps all indices.
struct Same;

impl Reencode for Same {
    type Error = Infallible;
}

impl<'a, 'b> Outline<'a, 'b> {
    fn new(module: &'b Module<'a>) -> Outline<'a, 'b> {
        let mut known = BTreeMap::new();
        for (index, of) in (0..).zip(module.types()) {
            let (params, results) = (values(of.params()), values(of.results()));
            known.entry(format!("{params:?}{results:?}")).or_insert(index);
        }
        Outline { module, known, types: Vec::new(), functions: Vec::new(), made: Vec::new() }
    }

    fn type_index(&mut self, params: Vec<ValType>, results: Vec<ValType>) -> u32 {
        let next = (self.module.types().count() + self.types.len()) as u32;
        let types = &mut self.types;
        *self.known.entry(format!("{params:?}{results:?}")).or_insert_with(|| {
            types.push((params, results));
            next
        })
    }

    fn whole(&self, body: &FunctionBody<'a>, code: &Code<'a>) -> Result<Function> {
        let mut function = said(Same.new_function_with_parsed_locals(body))?;
        for operator in &code.operators {
            function.instruction(&said(Same.instruction(operator.clone()))?);
        }
        Ok(function)
    }

    /// A body that ran, with calls in place of its regions.
    fn body(
        &mut self,
        function: u32,
        body: &FunctionBody<'a>,
        code: &Code<'a>,
        hot: &dyn Fn(usize) -> bool,
    ) -> Result<Function> {
        let signature = self.module.signature(self.module.type_of(function));
        let mut locals = signature.params().to_vec();
        let mut groups = Vec::new();
        for group in body.get_locals_reader()? {
            let (count, value) = group?;
            locals.extend(std::iter::repeat_n(value, count as usize));
            groups.push((count, said(Same.val_type(value))?));
        }
        let liveness = Liveness::of(code, locals.len());
        let results = signature.results();
        let regions = Body { module: self.module, code, locals: &locals, liveness: &liveness, results, hot }.regions();
        // Two locals more, to tell the exits apart; wasm-opt drops them where they are not used.
        let scratch = locals.len() as u32;
        groups.push((1, ValType::I32));
        groups.extend(results.first().map(|value| (1, value_type(*value))));
        let mut function = Function::new(groups);
        let mut regions = regions.into_iter().peekable();
        let mut at = 0;
        while at < code.operators.len() {
            if let Some(region) = regions.next_if(|region| region.begin == at) {
                let index = self.make(&region, code, &locals)?;
                call(&mut function, &region, index, scratch);
                at = region.end;
                continue;
            }
            function.instruction(&said(Same.instruction(code.operators[at].clone()))?);
            at += 1;
        }
        Ok(function)
    }

    /// Makes a region a function; gives its index.
    fn make(&mut self, region: &Region, code: &Code<'a>, locals: &[wasmparser::ValType]) -> Result<u32> {
        let types_of = |those: &[u32]| those.iter().map(|local| value_type(locals[*local as usize])).collect();
        let params: Vec<ValType> = types_of(&region.params);
        let sets: Vec<ValType> = types_of(&region.sets);
        let several = region.exits.len() > 1;
        let mut results = Vec::new();
        if several {
            results.push(ValType::I32);
        }
        results.extend(values(&region.values));
        results.extend(sets);
        let type_index = self.type_index(params, results);
        let mut own: Vec<ValType> = types_of(&region.own);
        if several {
            own.push(ValType::I32);
            own.extend(values(&region.values));
        }
        let named = region.params.iter().chain(&region.own).copied().zip(0..).collect();
        let maker = Maker { region, code, named };
        let mut function = Function::new_with_locals_types(own);
        maker.write(&mut function)?;
        let index = self.module.functions_count() + self.made.len() as u32;
        self.functions.push(type_index);
        self.made.push((index, function));
        Ok(index)
    }
}

/// Calls a region where it stood, takes over the locals it has set, and leaves as it has left.
fn call(function: &mut Function, region: &Region, index: u32, scratch: u32) {
    let several = region.exits.len() > 1;
    let returned = (several && region.returns_value()).then(|| code_of(region, Exit::Return));
    let others = region.exits.iter().copied().filter(|exit| returned.is_none() || *exit != Exit::Return);
    let others: Vec<(u32, Exit)> = others.map(|exit| (code_of(region, exit), exit)).collect();
    // A table of branches can only lead on by leading out of a block around the call.
    let table = others.len() > 2;
    if table && others[0].1 == Exit::Fall {
        function.instruction(&Instruction::Block(BlockType::Empty));
    }
    for local in &region.params {
        function.instruction(&Instruction::LocalGet(*local));
    }
    function.instruction(&Instruction::Call(index));
    for local in region.sets.iter().rev() {
        function.instruction(&Instruction::LocalSet(*local));
    }
    if let Some(code) = returned {
        function.instruction(&Instruction::LocalSet(scratch + 1));
        function.instruction(&Instruction::LocalTee(scratch));
        function.instruction(&Instruction::I32Const(code as i32));
        function.instruction(&Instruction::I32Eq);
        function.instruction(&Instruction::If(BlockType::Empty));
        function.instruction(&Instruction::LocalGet(scratch + 1));
        function.instruction(&Instruction::Return);
        function.instruction(&Instruction::End);
        if others.len() > 1 {
            function.instruction(&Instruction::LocalGet(scratch));
        }
    }
    match others.as_slice() {
        [] => {
            function.instruction(&Instruction::Unreachable);
        }
        [(_, only)] => leave(function, *only),
        [(_, Exit::Fall), (_, other)] => {
            function.instruction(&Instruction::BrIf(region.depth(*other)));
        }
        [(code, one), (_, other)] => {
            function.instruction(&Instruction::I32Const(*code as i32));
            function.instruction(&Instruction::I32Eq);
            function.instruction(&Instruction::BrIf(region.depth(*one)));
            leave(function, *other);
        }
        _ => branch(function, region, &others),
    }
}

/// Leaves by one of more than two exits; its code is on the stack.
fn branch(function: &mut Function, region: &Region, exits: &[(u32, Exit)]) {
    let falls = exits[0].1 == Exit::Fall;
    let depth = |exit: Exit| if exit == Exit::Fall { 0 } else { region.depth(exit) + u32::from(falls) };
    let most = exits.iter().map(|(code, _)| *code).max().unwrap_or(0);
    let of_code = |code: u32| exits.iter().find(|(of, _)| *of == code).map_or(0, |(_, exit)| depth(*exit));
    let targets: Vec<u32> = (0..most).map(of_code).collect();
    function.instruction(&Instruction::BrTable(targets.into(), of_code(most)));
    if falls {
        function.instruction(&Instruction::End);
    }
}

fn leave(function: &mut Function, exit: Exit) {
    match exit {
        Exit::Fall => {}
        Exit::Label(depth) => {
            function.instruction(&Instruction::Br(depth));
        }
        Exit::Return => {
            function.instruction(&Instruction::Return);
        }
    }
}

/// The number that a region gives back for one of its exits. Falling out is 0.
fn code_of(region: &Region, exit: Exit) -> u32 {
    region.exits.iter().position(|known| *known == exit).unwrap_or(0) as u32
}

/// Writes a region as a function.
struct Maker<'a, 'b> {
    region: &'b Region,
    code: &'b Code<'a>,
    /// New numbers of locals.
    named: BTreeMap<u32, u32>,
}

impl Maker<'_, '_> {
    fn write(&self, function: &mut Function) -> Result<()> {
        match self.region.exits.as_slice() {
            [] => {
                self.operators(function)?;
                function.instruction(&Instruction::Unreachable);
            }
            [Exit::Return] => self.operators(function)?,
            [_] if self.region.values.is_empty() => {
                function.instruction(&Instruction::Block(BlockType::Empty));
                self.operators(function)?;
                function.instruction(&Instruction::End);
            }
            [_] => self.operators(function)?,
            _ => self.several(function)?,
        }
        for local in &self.region.sets {
            function.instruction(&Instruction::LocalGet(self.named[local]));
        }
        function.instruction(&Instruction::End);
        Ok(())
    }

    /// The exits that branches inside lead to. Each has a block around the region, the first the innermost; around them
    /// is a block whose end is reached with the number of the exit in a local.
    fn by_branch(&self) -> impl Iterator<Item = Exit> {
        self.region.exits.iter().copied().filter(|exit| *exit != Exit::Fall)
    }

    fn several(&self, function: &mut Function) -> Result<()> {
        let exit_local = self.named.len() as u32;
        let count = self.by_branch().count() as u32;
        for _ in 0..=count {
            function.instruction(&Instruction::Block(BlockType::Empty));
        }
        self.operators(function)?;
        function.instruction(&match self.region.exits[0] {
            // The number of this exit is 0, as is a local that nobody has set.
            Exit::Fall => Instruction::Br(count),
            _ => Instruction::Unreachable,
        });
        for (exit, left) in self.by_branch().zip((0..count).rev()) {
            function.instruction(&Instruction::End);
            function.instruction(&Instruction::I32Const(code_of(self.region, exit) as i32));
            function.instruction(&Instruction::LocalSet(exit_local));
            if left > 0 {
                function.instruction(&Instruction::Br(left));
            }
        }
        function.instruction(&Instruction::End);
        function.instruction(&Instruction::LocalGet(exit_local));
        if !self.region.values.is_empty() {
            function.instruction(&Instruction::LocalGet(exit_local + 1));
        }
        Ok(())
    }

    /// Where a branch to a label outside of the region leads in the new function, `inside` blocks deep in the region.
    fn label(&self, out: u32, inside: u32) -> u32 {
        let exit = self.region.exit_at(out);
        if self.region.exits.len() < 2 {
            return inside;
        }
        match self.by_branch().position(|known| known == exit) {
            Some(number) => inside + number as u32,
            None => inside + self.by_branch().count() as u32,
        }
    }

    fn operators(&self, function: &mut Function) -> Result<()> {
        let several = self.region.exits.len() > 1;
        let mut inside = 0;
        for operator in &self.code.operators[self.region.begin..self.region.end] {
            let depth = |to: u32| to.checked_sub(inside).map_or(to, |out| self.label(out, inside));
            let instruction = match operator {
                Operator::LocalGet { local_index } => Instruction::LocalGet(self.named[local_index]),
                Operator::LocalSet { local_index } => Instruction::LocalSet(self.named[local_index]),
                Operator::LocalTee { local_index } => Instruction::LocalTee(self.named[local_index]),
                Operator::Br { relative_depth } => Instruction::Br(depth(*relative_depth)),
                Operator::BrIf { relative_depth } => Instruction::BrIf(depth(*relative_depth)),
                Operator::BrTable { targets } => {
                    let depths: Vec<u32> = targets.targets().map(|to| Ok(depth(to?))).collect::<Result<_>>()?;
                    Instruction::BrTable(depths.into(), depth(targets.default()))
                }
                Operator::Return if several => {
                    if !self.region.values.is_empty() {
                        function.instruction(&Instruction::LocalSet(self.named.len() as u32 + 1));
                    }
                    Instruction::Br(self.label(self.region.around, inside))
                }
                other => said(Same.instruction(other.clone()))?,
            };
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => inside += 1,
                Operator::End => inside -= 1,
                _ => {}
            }
            function.instruction(&instruction);
        }
        Ok(())
    }
}

/// Writes the module: its own sections, with what was added.
struct Writer<'b, I> {
    bodies: I,
    types: &'b [Signature],
    functions: &'b [u32],
}

type Outcome = Result<(), Error<Infallible>>;

impl<I: Iterator<Item = Function>> Reencode for Writer<'_, I> {
    type Error = Infallible;

    fn parse_type_section(&mut self, types: &mut TypeSection, section: wasmparser::TypeSectionReader<'_>) -> Outcome {
        utils::parse_type_section(self, types, section)?;
        for (params, results) in self.types {
            types.ty().function(params.iter().copied(), results.iter().copied());
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Outcome {
        utils::parse_function_section(self, functions, section)?;
        for of in self.functions {
            functions.function(*of);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, _: wasmparser::CodeSectionReader<'_>) -> Outcome {
        for body in self.bodies.by_ref() {
            code.function(&body);
        }
        Ok(())
    }
}

fn value_type(value: wasmparser::ValType) -> ValType {
    value.try_into().expect("Rust makes plain values only")
}

fn values(those: &[wasmparser::ValType]) -> Vec<ValType> {
    those.iter().map(|value| value_type(*value)).collect()
}

fn said<T>(result: Result<T, Error<Infallible>>) -> Result<T> {
    result.map_err(|error| anyhow!("the module cannot be outlined: {error}"))
}

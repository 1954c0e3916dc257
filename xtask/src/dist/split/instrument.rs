//! A module that remembers which stretches of its code have run.

use std::convert::Infallible;

use anyhow::{Result, anyhow};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, GlobalSection, GlobalType, Instruction, Module, ValType,
};

use super::code::Code;

/// The exported globals, each of 64 bits, a bit for each stretch: `ran:0` has those of the first 64.
const RAN: &str = "ran:";

/// The same program, in which every stretch sets a bit of its own when it is entered.
pub fn instrument(wasm: &[u8]) -> Result<Vec<u8>> {
    let module = super::module::Module::parse(wasm)?;
    let mut stretches_count = 0;
    for body in &module.bodies {
        stretches_count += Code::read(body)?.stretches_count;
    }
    let mut instrument =
        Instrument { words: stretches_count.div_ceil(64), first_global: module.globals.len() as u32, next: 0 };
    let mut encoded = Module::new();
    let parsed = instrument.parse_core_module(&mut encoded, wasmparser::Parser::new(0), wasm);
    parsed.map_err(|error| anyhow!("the module cannot be instrumented: {error}"))?;
    Ok(encoded.finish())
}

struct Instrument {
    words: u32,
    first_global: u32,
    /// The stretch that is entered next, over all bodies.
    next: u32,
}

type Outcome = Result<(), Error<Infallible>>;

impl Instrument {
    fn mark(&mut self, function: &mut wasm_encoder::Function) {
        let global = self.first_global + self.next / 64;
        function.instruction(&Instruction::GlobalGet(global));
        function.instruction(&Instruction::I64Const(1 << (self.next % 64)));
        function.instruction(&Instruction::I64Or);
        function.instruction(&Instruction::GlobalSet(global));
        self.next += 1;
    }
}

impl Reencode for Instrument {
    type Error = Infallible;

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Outcome {
        utils::parse_global_section(self, globals, section)?;
        for _ in 0..self.words {
            let ran = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
            globals.global(ran, &ConstExpr::i64_const(0));
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Outcome {
        utils::parse_export_section(self, exports, section)?;
        for word in 0..self.words {
            exports.export(&format!("{RAN}{word}"), ExportKind::Global, self.first_global + word);
        }
        Ok(())
    }

    fn parse_function_body(&mut self, section: &mut CodeSection, body: wasmparser::FunctionBody<'_>) -> Outcome {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let code = Code::read(&body).map_err(|_| Error::InvalidCodeSectionSize)?;
        let mut now = None;
        for (operator, stretch) in code.operators.into_iter().zip(code.stretch) {
            if now != Some(stretch) {
                self.mark(&mut function);
                now = Some(stretch);
            }
            function.instruction(&self.instruction(operator)?);
        }
        section.function(&function);
        Ok(())
    }
}

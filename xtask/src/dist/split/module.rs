//! A module taken apart: what splitting and instrumenting have to know of it.

use anyhow::{Result, bail, ensure};
use wasmparser::{
    BlockType, ContType, DataKind, ElementItems, ElementKind, ExternalKind, FrameKind, FuncType, FunctionBody,
    ModuleArity, Operator, Parser, Payload, RefType, SubType, TypeRef, ValType,
};

/// The parts of a module that wasm-bindgen has made, borrowed from its bytes.
#[derive(Default)]
pub struct Module<'a> {
    types: Vec<SubType>,
    /// Module, name and type index of each imported function.
    pub imports: Vec<(&'a str, &'a str, u32)>,
    /// Names of what else is imported. Only second halves do that.
    pub other_imports: Vec<&'a str>,
    /// The type index of each function that is defined.
    pub functions: Vec<u32>,
    pub bodies: Vec<FunctionBody<'a>>,
    pub tables: Vec<wasmparser::TableType>,
    pub memories: Vec<wasmparser::MemoryType>,
    pub globals: Vec<wasmparser::Global<'a>>,
    pub exports: Vec<wasmparser::Export<'a>>,
    pub start: Option<u32>,
    /// Where functions stand in a table: table, slot, function.
    pub slots: Vec<(u32, u32, u32)>,
    pub data: Vec<wasmparser::Data<'a>>,
}

impl<'a> Module<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Module<'a>> {
        let mut module = Module::default();
        for payload in Parser::new(0).parse_all(bytes) {
            module.take(payload?)?;
        }
        ensure!(module.functions.len() == module.bodies.len(), "functions without bodies");
        Ok(module)
    }

    fn take(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    self.types.extend(group?.into_types());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    match import.ty {
                        TypeRef::Func(of) => self.imports.push((import.module, import.name, of)),
                        _ => self.other_imports.push(import.name),
                    }
                }
            }
            Payload::FunctionSection(section) => self.functions = section.into_iter().collect::<Result<_, _>>()?,
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(section) => self.memories = section.into_iter().collect::<Result<_, _>>()?,
            Payload::GlobalSection(section) => self.globals = section.into_iter().collect::<Result<_, _>>()?,
            Payload::ExportSection(section) => self.exports = section.into_iter().collect::<Result<_, _>>()?,
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    self.take_element(element?)?;
                }
            }
            Payload::DataSection(section) => self.data = section.into_iter().collect::<Result<_, _>>()?,
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::TagSection(_) => bail!("tags are not understood"),
            _ => {}
        }
        Ok(())
    }

    /// Active elements with a constant place, which is all that Rust makes.
    fn take_element(&mut self, element: wasmparser::Element<'a>) -> Result<()> {
        let ElementKind::Active { table_index, offset_expr } = element.kind else {
            bail!("an element segment that is not active")
        };
        let ElementItems::Functions(functions) = element.items else { bail!("an element segment of expressions") };
        let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
            bail!("an element segment without a constant place")
        };
        for (slot, function) in (value as u32..).zip(functions) {
            self.slots.push((table_index.unwrap_or(0), slot, function?));
        }
        Ok(())
    }

    pub fn imports_count(&self) -> u32 {
        self.imports.len() as u32
    }

    pub fn functions_count(&self) -> u32 {
        self.imports_count() + self.functions.len() as u32
    }

    /// The type index of a function, imported or defined.
    pub fn type_of(&self, function: u32) -> u32 {
        match self.imports.get(function as usize) {
            Some((.., of)) => *of,
            None => self.functions[(function - self.imports_count()) as usize],
        }
    }

    /// A defined function's body.
    pub fn body(&self, function: u32) -> &FunctionBody<'a> {
        &self.bodies[(function - self.imports_count()) as usize]
    }

    pub fn exported_functions(&self) -> impl Iterator<Item = u32> {
        self.exports.iter().filter(|export| export.kind == ExternalKind::Func).map(|export| export.index)
    }

    /// The functions that a body names.
    pub fn named_in(&self, function: u32) -> Result<Vec<u32>> {
        let mut named = Vec::new();
        for operator in self.body(function).get_operators_reader()? {
            match operator? {
                Operator::Call { function_index } | Operator::RefFunc { function_index } => named.push(function_index),
                Operator::ReturnCall { function_index } => named.push(function_index),
                _ => {}
            }
        }
        Ok(named)
    }

    /// The table that functions are called through.
    pub fn function_table(&self) -> Result<u32> {
        let found = self.tables.iter().position(|table| table.element_type.is_func_ref());
        found.map(|table| table as u32).ok_or_else(|| anyhow::anyhow!("no table of functions"))
    }

    /// Address and bytes of each data segment.
    pub fn segments(&self) -> Result<Vec<(u32, &'a [u8])>> {
        let segments = self.data.iter().map(|data| {
            let DataKind::Active { memory_index: 0, offset_expr } = &data.kind else {
                bail!("a data segment that is not active")
            };
            let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
                bail!("a data segment without a constant place")
            };
            Ok((value as u32, data.data))
        });
        segments.collect()
    }

    /// Types of functions, which are the only types there are.
    pub fn types(&self) -> impl Iterator<Item = &FuncType> {
        self.types.iter().map(SubType::unwrap_func)
    }

    pub fn signature(&self, type_index: u32) -> &FuncType {
        self.types[type_index as usize].unwrap_func()
    }

    /// What the block leaves on the stack. Blocks that take something from it are never made by Rust.
    pub fn results(&self, block: BlockType) -> Vec<ValType> {
        match block {
            BlockType::Empty => Vec::new(),
            BlockType::Type(value) => vec![value],
            BlockType::FuncType(of) => self.signature(of).results().to_vec(),
        }
    }
}

/// Arities of operators that do not depend on the labels around them.
impl ModuleArity for Module<'_> {
    fn sub_type_at(&self, type_index: u32) -> Option<&SubType> {
        self.types.get(type_index as usize)
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, function: u32) -> Option<u32> {
        Some(self.type_of(function))
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        0
    }

    fn label_block(&self, _: u32) -> Option<(BlockType, FrameKind)> {
        None
    }
}

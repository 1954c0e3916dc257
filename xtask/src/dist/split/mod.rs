//! Splits the engine's module in two: what the page needs until its first flow has played and an edit is answered, and
//! the rest, which is brought when a function of it is first called.
//!
//! Which functions the first half needs is not declared but seen: an instrumented build rehearses the opening.

mod code;
mod data;
mod instrument;
mod liveness;
mod module;
mod order;
mod outline;
mod plan;
mod region;

pub use data::Layout;
pub use instrument::instrument;
pub use order::order;
pub use plan::{ENSURE, base36, shared_name};

use anyhow::{Context, Result, ensure};
use plan::Plan;

/// The two halves of a module; `ran` says of a stretch of its code whether the rehearsal needed it. `load` is part of the
/// name of the import that brings the second half.
pub fn split(wasm: &[u8], layout: &Layout, ran: impl Fn(u32) -> bool, load: &str) -> Result<[Vec<u8>; 2]> {
    let (outlined, functions_ran) = outline::outline(wasm, ran)?;
    let module = module::Module::parse(&outlined)?;
    ensure!(module.other_imports.is_empty(), "imports that are no functions: {}", module.other_imports.join(", "));
    let found = module.imports.iter().position(|(_, name, _)| name.contains(load));
    let load = found.with_context(|| format!("the module imports no `{load}`"))? as u32;
    let imports_count = module.imports_count();
    let plan = Plan::new(&module, layout, |function| functions_ran[(function - imports_count) as usize], load)?;
    Ok([plan.first()?, plan.second()?])
}

/// The module without the sections that only a linker reads, which describe code that is about to change.
pub fn without_linking(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut kept = wasm_encoder::Module::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let is_linking = matches!(&payload, wasmparser::Payload::CustomSection(section)
            if section.name() == "linking" || section.name().starts_with("reloc."));
        if let Some((id, range)) = payload.as_section()
            && !is_linking
        {
            let data =
                wasm.get(range.start as usize..range.end as usize).context("a section beyond the module's end")?;
            kept.section(&wasm_encoder::RawSection { id, data });
        }
    }
    Ok(kept.finish())
}

/// Adds a custom section to a module's file.
pub fn add_section(path: &std::path::Path, name: &str, data: &[u8]) -> Result<()> {
    let mut module = std::fs::read(path)?;
    let section = wasm_encoder::CustomSection { name: name.into(), data: data.into() };
    module.push(wasm_encoder::Section::id(&section));
    wasm_encoder::Encode::encode(&section, &mut module);
    Ok(std::fs::write(path, module)?)
}

#[cfg(test)]
mod tests;

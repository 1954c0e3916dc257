//! wasm-bindgen's JavaScript between a module and the browser, made smaller than wasm-bindgen leaves it.

use std::collections::BTreeMap;
use std::convert::Infallible;

use anyhow::{Result, anyhow};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{ExportSection, ImportSection, Module};

use super::split::base36;

/// JavaScript classes that Leptos' dependencies export and podhop never makes.
const UNUSED: &str = "IntoUnderlying";
/// What the names begin with that only the glue and the module say to each other.
const BETWEEN_THEM: [&str; 4] = ["__wbg_", "__wbindgen_", "wasm_bindgen__", "__externref_"];

/// The glue and the module without unused classes and their functions.
pub fn without_unused(glue: &str, module: &[u8]) -> Result<(String, Vec<u8>)> {
    let mut kept = String::new();
    let mut leaving = None;
    for line in glue.lines() {
        // An item at the top ends with the first line that begins like it.
        if leaving.is_none() && !line.starts_with(' ') && line.contains(UNUSED) {
            leaving = if line.starts_with("export class") {
                Some("}")
            } else if line.starts_with("const ") {
                Some(" ")
            } else {
                continue;
            };
            continue;
        }
        match leaving {
            None => {
                kept.push_str(line);
                kept.push('\n');
            }
            Some(" ") if line.ends_with(';') => leaving = None,
            Some("}") if line.starts_with('}') => leaving = None,
            Some(_) => {}
        }
    }
    let unused = UNUSED.to_lowercase();
    let module = reencoded(module, |name| (!name.contains(&unused)).then(|| name.to_string()))?;
    Ok((kept, module))
}

/// The glue and the module with short names for what they say to each other.
pub fn with_short_names(glue: &str, module: &[u8]) -> Result<(String, Vec<u8>)> {
    let mut short = BTreeMap::new();
    let module = reencoded(module, |name| {
        if !BETWEEN_THEM.iter().any(|begin| name.starts_with(begin)) {
            return Some(name.to_string());
        }
        let next = format!("${}", base36(short.len() as u32));
        Some(short.entry(name.to_string()).or_insert(next).clone())
    })?;
    let mut renamed = String::new();
    let mut rest = glue;
    while let Some(begin) = rest.find(in_a_name) {
        let end = rest[begin..].find(|letter| !in_a_name(letter)).map_or(rest.len(), |length| begin + length);
        let name = &rest[begin..end];
        renamed.push_str(&rest[..begin]);
        renamed.push_str(short.get(name).map_or(name, String::as_str));
        rest = &rest[end..];
    }
    renamed.push_str(rest);
    Ok((renamed, module))
}

fn in_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// The module with other names of imports and exports; an export without a name goes.
fn reencoded(module: &[u8], name: impl FnMut(&str) -> Option<String>) -> Result<Vec<u8>> {
    let mut encoded = Module::new();
    let parsed = Rename(name).parse_core_module(&mut encoded, wasmparser::Parser::new(0), module);
    parsed.map_err(|error| anyhow!("the names of the module cannot be changed: {error}"))?;
    Ok(encoded.finish())
}

struct Rename<F>(F);

impl<F: FnMut(&str) -> Option<String>> Reencode for Rename<F> {
    type Error = Infallible;

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for import in section.into_imports() {
            let import = import?;
            let name = (self.0)(import.name).unwrap_or_else(|| import.name.to_string());
            imports.import(import.module, &name, self.entity_type(import.ty)?);
        }
        Ok(())
    }

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: wasmparser::Export<'_>,
    ) -> Result<(), Error<Infallible>> {
        match (self.0)(export.name) {
            Some(name) => utils::parse_export(self, exports, wasmparser::Export { name: &name, ..export }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{EntityType, ExportKind, TypeSection};
    use wasmparser::Payload;

    const GLUE: &str = "\
export class IntoUnderlyingSink {
    free() {
        wasm.__wbg_intounderlyingsink_free(1);
    }
}
if (Symbol.dispose) IntoUnderlyingSink.prototype[Symbol.dispose] = IntoUnderlyingSink.prototype.free;
const IntoUnderlyingSinkFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_intounderlyingsink_free(ptr, 1));
const imports = { __wbg_click_1: function () {}, __wbg_click_12: function () {} };
";

    fn module() -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut imports = ImportSection::new();
        let mut exports = ExportSection::new();
        for name in ["__wbg_click_1", "__wbg_click_12"] {
            imports.import("./glue.js", name, EntityType::Function(0));
        }
        for name in ["main", "__wbg_intounderlyingsink_free"] {
            exports.export(name, ExportKind::Func, 0);
        }
        Module::new().section(&types).section(&imports).section(&exports).clone().finish()
    }

    fn names(module: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        for payload in wasmparser::Parser::new(0).parse_all(module) {
            match payload.unwrap() {
                Payload::ImportSection(section) => {
                    names.extend(section.into_imports().map(|import| import.unwrap().name.to_string()));
                }
                Payload::ExportSection(section) => {
                    names.extend(section.into_iter().map(|export| export.unwrap().name.to_string()));
                }
                _ => {}
            }
        }
        names
    }

    #[test]
    fn unused_classes_go_with_their_functions() {
        let (glue, module) = without_unused(GLUE, &module()).unwrap();
        assert_eq!(glue, GLUE.lines().last().unwrap().to_string() + "\n");
        assert_eq!(names(&module), ["__wbg_click_1", "__wbg_click_12", "main"]);
    }

    #[test]
    fn glue_and_module_agree_on_short_names() {
        let (glue, module) = with_short_names("a = { __wbg_click_1: f, __wbg_click_12: main }", &module()).unwrap();
        assert_eq!(glue, "a = { $0: f, $1: main }");
        assert_eq!(names(&module), ["$0", "$1", "main", "$2"]);
    }
}

//! podhop's page. Every panel is a folder with its pure view-model, its component and its CSS. The view-models build and
//! are tested natively; components exist in the browser only.

#[cfg(target_arch = "wasm32")]
pub mod dom;
mod few;
pub mod glyph;
pub mod opening;
#[cfg(target_arch = "wasm32")]
pub mod platform;
pub mod session;
#[cfg(target_arch = "wasm32")]
mod shown;
#[cfg(target_arch = "wasm32")]
pub mod state;

#[cfg(target_arch = "wasm32")]
pub mod parts;

pub mod compare;
pub mod editor;
pub mod flows;
pub mod headers;
pub mod journey;
pub mod object;
pub mod palette;
pub mod past;
pub mod playback;
pub mod reach;
pub mod stage;
pub mod tables;
pub mod terminal;
pub mod text;
pub mod timeline;
pub mod whose;
pub mod workspace;

#[cfg(target_arch = "wasm32")]
pub mod shell;

#[cfg(test)]
mod fixture;

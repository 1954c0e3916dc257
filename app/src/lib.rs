//! podhop's page. Every panel is a folder with its pure view-model, its component and its CSS. The view-models build and
//! are tested natively; components exist in the browser only.

pub mod playback;
pub mod stage;

#[cfg(test)]
mod fixture;

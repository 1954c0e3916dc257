//! Animation frames.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// Calls back on every frame while it runs. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Frames(Rc<Inner>);

type Callback = Closure<dyn FnMut(f64)>;

struct Inner {
    running: Cell<bool>,
    asked: Cell<bool>,
    closure: RefCell<Option<Callback>>,
}

impl Frames {
    /// `frame` gets the time in milliseconds and says whether it wants another.
    pub fn new(mut frame: impl FnMut(f64) -> bool + 'static) -> Frames {
        let inner = Rc::new(Inner { running: Cell::new(false), asked: Cell::new(false), closure: RefCell::new(None) });
        let weak = Rc::downgrade(&inner);
        let closure = Closure::new(move |now: f64| {
            let Some(inner) = weak.upgrade() else { return };
            inner.asked.set(false);
            if inner.running.get() && frame(now) {
                Frames(inner).ask();
            } else {
                inner.running.set(false);
            }
        });
        *inner.closure.borrow_mut() = Some(closure);
        Frames(inner)
    }

    pub fn start(&self) {
        self.0.running.set(true);
        self.ask();
    }

    fn ask(&self) {
        if self.0.asked.replace(true) {
            return;
        }
        if let Some(closure) = &*self.0.closure.borrow() {
            let _ = super::window().request_animation_frame(closure.as_ref().unchecked_ref());
        }
    }
}

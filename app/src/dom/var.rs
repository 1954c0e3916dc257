//! Values that can be watched.

use leptos::prelude::{ArcTrigger, Notify, Track};
use std::cell::RefCell;

/// A value of the page. It lives as long as the page, so it can be copied into every closure that needs it.
pub struct Var<T: 'static>(&'static Inner<T>);

struct Inner<T> {
    value: RefCell<T>,
    changed: ArcTrigger,
}

impl<T> Clone for Var<T> {
    fn clone(&self) -> Var<T> {
        *self
    }
}

impl<T> Copy for Var<T> {}

impl<T> Var<T> {
    /// Made once for each part of the page, never in something that is drawn again and again.
    pub fn new(value: T) -> Var<T> {
        Var(Box::leak(Box::new(Inner { value: RefCell::new(value), changed: ArcTrigger::new() })))
    }

    /// Reads, and runs the effect that reads again when the value changes.
    pub fn with<R>(self, read: impl FnOnce(&T) -> R) -> R {
        self.0.changed.track();
        read(&self.0.value.borrow())
    }

    /// Reads only.
    pub fn peek<R>(self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.0.value.borrow())
    }

    pub fn update<R>(self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.0.value.borrow_mut());
        self.0.changed.notify();
        result
    }

    /// Changes what nobody watches.
    pub fn update_quietly<R>(self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.0.value.borrow_mut())
    }

    pub fn set(self, value: T) {
        self.0.value.replace(value);
        self.0.changed.notify();
    }

    pub fn track(self) {
        self.0.changed.track();
    }
}

impl<T: Clone> Var<T> {
    pub fn get(self) -> T {
        self.with(T::clone)
    }

    /// The value, without watching it.
    pub fn now(self) -> T {
        self.peek(T::clone)
    }
}

impl<T: PartialEq> Var<T> {
    /// Sets; nothing happens if the value is the same.
    pub fn put(self, value: T) {
        if self.peek(|now| *now != value) {
            self.set(value);
        }
    }
}

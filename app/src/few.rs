//! A set of a few things. A search tree or a hash table for them would be a large part of the page's module.

#[derive(Clone, Debug, PartialEq)]
pub struct Few<T>(Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Few<T> {
        Few(Vec::new())
    }
}

impl<T: PartialEq> Few<T> {
    pub fn contains<Q: ?Sized>(&self, thing: &Q) -> bool
    where
        T: PartialEq<Q>,
    {
        self.0.iter().any(|known| known == thing)
    }

    /// True if it was not there before.
    pub fn insert(&mut self, thing: T) -> bool {
        let new = !self.0.contains(&thing);
        if new {
            self.0.push(thing);
        }
        new
    }

    /// In or out.
    pub fn put(&mut self, thing: T, present: bool) {
        self.0.retain(|known| *known != thing);
        if present {
            self.0.push(thing);
        }
    }

    /// Out if it was in, in if it was out.
    pub fn turn(&mut self, thing: T) {
        let present = !self.0.contains(&thing);
        self.put(thing, present);
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<T: PartialEq> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(things: I) -> Few<T> {
        let mut few = Few::default();
        for thing in things {
            few.insert(thing);
        }
        few
    }
}

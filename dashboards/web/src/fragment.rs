//! The parts of a page that change, and how a reader says which of them it holds.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
};

use maud::{Markup, PreEscaped};

/// A rendered part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) html: String,
    /// Says whether two renderings are the same.
    tag: u32,
}

/// A page's parts by name. The name is the id of the element that holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fragments(BTreeMap<&'static str, Fragment>);

impl Fragments {
    pub(crate) fn add(&mut self, name: &'static str, markup: Markup) {
        let html = markup.into_string();
        let mut hasher = DefaultHasher::new();
        html.hash(&mut hasher);
        let tag = u32::try_from(hasher.finish() >> 32).unwrap_or_default();
        self.0.insert(name, Fragment { html, tag });
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().map(|(name, fragment)| (*name, fragment.clone())));
    }

    /// The part of this name, ready to be put into a page.
    pub(crate) fn html(&self, name: &str) -> PreEscaped<&str> {
        PreEscaped(self.0.get(name).map_or("", |fragment| &fragment.html))
    }

    /// What a reader of these holds, e.g. `miners-01ab.price-23cd`.
    pub(crate) fn held(&self) -> Held {
        Held(self.0.iter().map(|(name, fragment)| ((*name).to_owned(), fragment.tag)).collect())
    }

    /// Those parts, by name, that somebody does not hold yet.
    pub(crate) fn missing(&self, held: &Held) -> BTreeMap<&'static str, &str> {
        let is_missing = |(name, fragment): &(&&str, &Fragment)| held.0.get(**name) != Some(&fragment.tag);
        self.0.iter().filter(is_missing).map(|(name, fragment)| (*name, fragment.html.as_str())).collect()
    }
}

/// Which parts a reader holds. It travels as an event's id, so that a stream resumes exactly where it broke off
/// without this server remembering anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held(HashMap<String, u32>);

impl Held {
    /// Understands what [`Self::to_id`] wrote; anything else is held by nobody.
    pub(crate) fn from_id(id: &str) -> Self {
        let part = |part: &str| {
            let (name, tag) = part.split_once('-')?;
            Some((name.to_owned(), u32::from_str_radix(tag, 16).ok()?))
        };
        Self(id.split('.').filter_map(part).collect())
    }

    pub(crate) fn to_id(&self) -> String {
        let mut parts: Vec<String> = self.0.iter().map(|(name, tag)| format!("{name}-{tag:08x}")).collect();
        parts.sort();
        parts.join(".")
    }
}

#[cfg(test)]
mod tests {
    use maud::html;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_changed_is_missing() {
        let mut fragments = Fragments::default();
        fragments.add("price", html! { b { "1" } });
        fragments.add("miners", html! { i { "2" } });
        let held = Held::from_id(&fragments.held().to_id());
        assert_eq!(held, fragments.held());
        assert!(fragments.missing(&held).is_empty());

        fragments.add("price", html! { b { "3" } });
        let missing: Vec<_> = fragments.missing(&held).into_iter().collect();
        assert_eq!(missing, [("price", "<b>3</b>")]);
    }

    proptest! {
        #[test]
        fn any_id_is_understood_somehow(id in ".*") {
            Held::from_id(&id);
        }
    }
}

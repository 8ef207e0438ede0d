use btc_es_mappings::{Field, TEMPLATES, Template};

/// The fields that every index has besides those of its template.
const META: [&str; 2] = ["_id", "_index"];

/// The fields that all indices of a pattern can be asked for.
pub(crate) struct Fields(Vec<Field>);

impl Fields {
    /// `None` if the pattern means none of the project's indices.
    pub(crate) fn of_pattern(title: &str, prefix: &str) -> Option<Self> {
        let means = |template: &Template| {
            let index = format!("{prefix}{}", template.name);
            match title.strip_suffix('*') {
                Some(start) => index.starts_with(start),
                None => index == title,
            }
        };
        let mut templates = TEMPLATES.into_iter().filter(means).map(|template| template.fields());
        let first = templates.next()?;
        let common = templates.fold(first, |common, fields| {
            common.into_iter().filter(|field| fields.contains(field)).collect()
        });
        Some(Self(common))
    }

    /// The type of a field by which documents can be searched and aggregated.
    pub(crate) fn kind(&self, name: &str) -> Option<&str> {
        if META.contains(&name) {
            return Some("keyword");
        }
        self.0.iter().find(|field| field.name == name && field.is_indexed).map(|field| field.kind.as_str())
    }

    pub(crate) fn is_number(&self, name: &str) -> bool {
        matches!(self.kind(name), Some("long" | "double"))
    }

    pub(crate) fn is_date(&self, name: &str) -> bool {
        self.kind(name) == Some("date")
    }

    /// The fields that a Lucene query names and that are not there.
    pub(crate) fn missing_in_query(&self, query: &str) -> Vec<String> {
        let mut outside_of_patterns = query.split('/').step_by(2);
        let mut missing = Vec::new();
        for part in &mut outside_of_patterns {
            for (end, _) in part.match_indices(':') {
                let is_name = |c: char| c.is_alphanumeric() || "_@.".contains(c);
                let start = part[..end].rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
                let name = &part[start..end];
                if self.kind(name).is_none() {
                    missing.push(name.to_owned());
                }
            }
        }
        missing
    }
}

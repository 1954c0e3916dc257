//! Image references.

/// An image reference, taken apart: `registry.k8s.io/e2e-test-images/agnhost:2.53`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// Without registry, tag and digest, and without Docker Hub's `library/`: `e2e-test-images/agnhost`, `nginx`.
    pub repository: &'a str,
    /// The repository's last part: `agnhost`.
    pub name: &'a str,
    /// `2.53`; empty if there is none.
    pub tag: &'a str,
}

impl<'a> Image<'a> {
    pub fn parse(reference: &'a str) -> Image<'a> {
        let reference = reference.split('@').next().unwrap_or_default();
        // A colon after the last slash separates the tag; one before it belongs to the registry's port.
        let name_at = reference.rfind('/').map_or(0, |at| at + 1);
        let (path, tag) = match reference[name_at..].find(':') {
            Some(at) => (&reference[..name_at + at], &reference[name_at + at + 1..]),
            None => (reference, ""),
        };
        let repository = match path.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
            _ => path,
        };
        let repository = repository.strip_prefix("library/").unwrap_or(repository);
        Image { repository, name: &path[name_at..], tag }
    }

    /// True if the tag names this variant: `alpine` in `1.27-alpine3.20`.
    pub fn is_variant(&self, variant: &str) -> bool {
        self.tag.split('-').any(|part| part.starts_with(variant))
    }

    /// The tag's version if it is exact: `1.27.3` in `1.27.3-alpine`.
    pub fn version(&self) -> Option<&'a str> {
        let version = self.tag.split('-').next()?;
        let version = version.strip_prefix('v').unwrap_or(version);
        let exact = version.split('.').count() == 3
            && version.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        exact.then_some(version)
    }
}

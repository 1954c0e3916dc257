//! Rules for names, without regular expressions. Models apimachinery pkg/util/validation/validation.go.

pub const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
pub const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
pub const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
pub const QUALIFIED: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
pub const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

fn is_lower(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

/// Starts and ends with an alphanumeric, and consists of those and of `between`.
fn is_framed(text: &str, alphanumeric: fn(u8) -> bool, between: &[u8]) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|&b| alphanumeric(b))
        && bytes.last().is_some_and(|&b| alphanumeric(b))
        && bytes.iter().all(|&b| alphanumeric(b) || between.contains(&b))
}

pub fn is_dns1123_label(text: &str) -> bool {
    text.len() <= 63 && is_framed(text, is_lower, b"-")
}

pub fn is_dns1123_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(|part| is_framed(part, is_lower, b"-"))
}

pub fn is_dns1035_label(text: &str) -> bool {
    is_dns1123_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_qualified_part(text: &str) -> bool {
    is_framed(text, |b| b.is_ascii_alphanumeric(), b"-_.")
}

/// A label's or annotation's key: `app.kubernetes.io/name`.
pub fn is_qualified_name(text: &str) -> bool {
    qualified_name_fault(text).is_none()
}

pub fn is_label_value(text: &str) -> bool {
    text.len() <= 63 && (text.is_empty() || is_qualified_part(text))
}

/// What a name breaks, in Kubernetes' words; `None` if it is good.
pub fn fault(text: &str, bytes_max: usize, fits: fn(&str) -> bool, rule: &str) -> Option<String> {
    if text.len() > bytes_max {
        return Some(format!("must be no more than {bytes_max} bytes"));
    }
    (!fits(text)).then(|| rule.to_owned())
}

pub fn qualified_name_fault(text: &str) -> Option<String> {
    let mut parts = text.splitn(3, '/');
    let (first, second, third) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    if third.is_some() {
        let suffix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
        return Some(format!("a qualified name {QUALIFIED} {suffix}"));
    }
    let name = match second {
        None => first,
        Some(_) if first.is_empty() => return Some("prefix part must be non-empty".to_owned()),
        Some(name) => {
            if let Some(fault) = fault(first, 253, is_dns1123_subdomain, SUBDOMAIN) {
                return Some(format!("prefix part {fault}"));
            }
            name
        }
    };
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    fault(name, 63, is_qualified_part, QUALIFIED).map(|fault| format!("name part {fault}"))
}

/// The name of a container's port. Models IsValidPortName.
pub fn port_name_fault(text: &str) -> Option<&'static str> {
    if text.len() > 15 {
        Some("must be no more than 15 characters")
    } else if !text.bytes().all(|b| is_lower(b) || b == b'-') {
        Some("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    } else if !text.bytes().any(|b| b.is_ascii_lowercase()) {
        Some("must contain at least one letter (a-z)")
    } else if text.contains("--") {
        Some("must not contain consecutive hyphens")
    } else if text.starts_with('-') || text.ends_with('-') {
        Some("must not begin or end with a hyphen")
    } else {
        None
    }
}

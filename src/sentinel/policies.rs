//! What a test allows, by class and by path.

use super::{Class, Policy};

/// What a test allows.
#[derive(Clone, Debug)]
pub struct Policies {
    classes: [Policy; Class::ALL.len()],
    /// What the test itself has said of each, so that it may be told that nothing needs it.
    is_given: [bool; Class::ALL.len()],
    pub(super) paths: Vec<AllowedPath>,
}

/// An allowance by class and path.
#[derive(Clone, Debug)]
pub(super) struct AllowedPath {
    pub(super) reason: String,
    pub(super) class: Class,
    /// As it was given.
    pub(super) path: String,
    /// Every way in which a call may name it, without `./` before it and `/` behind it.
    names: Vec<String>,
}

impl AllowedPath {
    /// Whether a call of `class` with these arguments is about it, or about what is below.
    fn covers(&self, class: Class, detail: &str) -> bool {
        let detail = detail.trim_matches('"');
        let detail = detail.strip_prefix("./").unwrap_or(detail);
        let end = if class == Class::Socket { ':' } else { '/' };
        let is_below = |name: &String| match detail.strip_prefix(name.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with(end) || name.ends_with('/'),
            None => false,
        };
        self.class == class && self.names.iter().any(is_below) && !detail.split('/').any(|part| part == "..")
    }
}

impl Default for Policies {
    fn default() -> Policies {
        let mut classes = [Policy::Deny; Class::ALL.len()];
        classes[Class::Output as usize] = Policy::Allow;
        classes[Class::Close as usize] = Policy::Allow;
        Policies { classes, is_given: [false; Class::ALL.len()], paths: Vec::new() }
    }
}

impl Policies {
    pub fn set(&mut self, class: Class, policy: Policy) {
        self.classes[class as usize] = policy;
        self.is_given[class as usize] = true;
    }

    /// Calls of `class` that name `path`, or what is below it, are allowed; `names` are the other ways to name it.
    pub fn allow_path(&mut self, reason: &str, class: Class, path: &str, names: Vec<String>) {
        let bare = |name: String| {
            let name = name.strip_prefix("./").unwrap_or(&name);
            name.strip_suffix('/').filter(|name| !name.is_empty()).unwrap_or(name).to_string()
        };
        let names = names.into_iter().chain([path.to_string()]).map(bare).filter(|name| !name.is_empty());
        self.paths.push(AllowedPath { reason: reason.into(), class, path: path.into(), names: names.collect() });
    }

    pub fn of(&self, class: Class) -> Policy {
        self.classes[class as usize]
    }

    /// The allowance that covers a call of `class` with these arguments, as an index.
    pub fn path_for(&self, class: Class, detail: &str) -> Option<usize> {
        self.paths.iter().position(|allowed| allowed.covers(class, detail))
    }

    /// Whether nothing of it could turn out not to be needed.
    pub(super) fn allow_nothing(&self) -> bool {
        self.paths.is_empty() && !Class::ALL.into_iter().any(|class| self.is_allowed_by_test(class))
    }

    pub(super) fn is_allowed_by_test(&self, class: Class) -> bool {
        self.is_given[class as usize] && self.of(class) == Policy::Allow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_allowed_for_its_class_and_with_what_is_below() {
        let mut policies = Policies::default();
        policies.allow_path("prepares the test", Class::File, "/etc/", Vec::new());
        policies.allow_path("the test's own server", Class::Socket, "10.0.0.1", Vec::new());
        for (class, detail, allowance) in [
            (Class::File, "\"/etc/hosts\"", Some(0)),
            (Class::File, "\"/etc\"", Some(0)),
            (Class::File, "\"/etcetera\"", None),
            (Class::File, "\"/etc/../home/me\"", None),
            (Class::File, "\"/tmp/x\"", None),
            (Class::Socket, "\"/etc/hosts\"", None),
            (Class::Socket, "10.0.0.1:5432", Some(1)),
            (Class::Socket, "10.0.0.10:5432", None),
        ] {
            assert_eq!(policies.path_for(class, detail), allowance, "{detail}");
        }
        assert_eq!(policies.of(Class::Output), Policy::Allow);
    }

    #[test]
    fn a_path_is_allowed_however_a_call_names_it() {
        for given in ["src", "./src", "src/"] {
            let mut policies = Policies::default();
            policies.allow_path("reads itself", Class::File, given, vec!["/home/me/src/".into()]);
            for detail in ["\"src/lib.rs\"", "\"./src/lib.rs\"", "\"/home/me/src/lib.rs\"", "\"src\""] {
                assert_eq!(policies.path_for(Class::File, detail), Some(0), "{given} covers {detail}");
            }
            assert_eq!(policies.path_for(Class::File, "\"tests/lib.rs\""), None, "{given}");
        }
        let mut policies = Policies::default();
        policies.allow_path("all of it", Class::File, "/", Vec::new());
        assert_eq!(policies.path_for(Class::File, "\"/etc/hosts\""), Some(0));
    }
}

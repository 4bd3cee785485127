//! Writing JSON: all that an answer needs, and nothing that reads it.

use std::fmt::Write;

/// An object in the making.
pub(super) struct Object(String);

impl Object {
    pub fn new() -> Object {
        Object("{".into())
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_text(&mut self.0, key);
        self.0.push(':');
    }

    pub fn text(mut self, key: &str, text: &str) -> Object {
        self.key(key);
        write_text(&mut self.0, text);
        self
    }

    /// What prints as text; `null` for none.
    pub fn maybe(mut self, key: &str, text: Option<impl ToString>) -> Object {
        self.key(key);
        match text {
            Some(text) => write_text(&mut self.0, &text.to_string()),
            None => self.0.push_str("null"),
        }
        self
    }

    pub fn number(mut self, key: &str, number: u64) -> Object {
        self.key(key);
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{number}");
        self
    }

    /// A number; `null` for none.
    pub fn index(self, key: &str, number: Option<u32>) -> Object {
        match number {
            Some(number) => self.number(key, u64::from(number)),
            None => self.json(key, "null"),
        }
    }

    pub fn switch(self, key: &str, switch: bool) -> Object {
        self.json(key, if switch { "true" } else { "false" })
    }

    /// What is JSON already.
    pub fn json(mut self, key: &str, json: &str) -> Object {
        self.key(key);
        self.0.push_str(json);
        self
    }

    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// An array of what is JSON already.
pub(super) fn array(items: impl Iterator<Item = String>) -> String {
    let mut out = String::from("[");
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        out += &item;
    }
    out.push(']');
    out
}

/// An array of texts.
pub(super) fn texts<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    array(items.into_iter().map(|item| {
        let mut out = String::new();
        write_text(&mut out, item.as_ref());
        out
    }))
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' || c == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_everything() {
        let json = Object::new()
            .text("a", "x")
            .maybe("b", None::<&str>)
            .maybe("c", Some(7))
            .number("d", u64::MAX)
            .index("e", None)
            .index("f", Some(0))
            .switch("g", true)
            .json("h", &texts(["p", "q"]))
            .json("i", &array(std::iter::empty()))
            .end();
        assert_eq!(
            json,
            r#"{"a":"x","b":null,"c":"7","d":18446744073709551615,"e":null,"f":0,"g":true,"h":["p","q"],"i":[]}"#
        );
        assert_eq!(Object::new().end(), "{}");
    }

    #[test]
    fn text_is_on_one_line_whatever_is_in_it() {
        let json = Object::new().text("a\"", "\\ \" \n \r \t \0 \u{1b} é \u{2028}").end();
        assert_eq!(json, "{\"a\\\"\":\"\\\\ \\\" \\n \\u000d \\t \\u0000 \\u001b é \u{2028}\"}");
        assert!(!json.contains('\n'));
    }
}

//! What rustdoc writes of this crate without `sim` (smol as it is) and with it, page by page: the same items, each with the
//! same signatures, and the same implementations of traits. Both ways, so that nothing is missing and nothing is added.
//!
//! Types are compared by their paths. What is written in two ways and means one thing is brought into one form first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What is told of each page, by its path.
type Pages = BTreeMap<String, BTreeSet<String>>;

/// What differs, on which page, as it begins, and why no user can meet it.
const EXPLAINED: &[(&str, &str, &str)] = &[
    ("", "fn drop(&mut self)", "what it is made of is dropped, which smol does by hand"),
    ("", "impl core::ops::drop::Drop for ", "as above"),
    ("net/trait.AsyncToSocketAddrs.html", "pub trait AsyncToSocketAddrs: ", "sealed by a trait of another name"),
    // Such an item implements the sealed trait in smol as well, which rustdoc tells on the page of that trait only.
    ("net/", "impl AsyncToSocketAddrs for raddle_smol::net::SocketAddr", "told on another page; `traits` has it"),
];

/// The pages of `raddle-smol` with these features.
fn documented(features: &[&str]) -> Pages {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("api");
    let arguments = ["doc", "--offline", "--no-deps", "--lib", "--manifest-path", manifest, "--target-dir"];
    let output = Command::new(cargo).args(arguments).arg(&target).args(features).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut pages = Pages::new();
    read(&target.join("doc/raddle_smol"), "", &mut pages);
    pages
}

fn read(folder: &Path, prefix: &str, pages: &mut Pages) {
    for entry in fs::read_dir(folder).expect("rustdoc made it") {
        let entry = entry.expect("a folder can be read");
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read(&entry.path(), &format!("{name}/"), pages);
        // Several traits without a name share that page, and the last one has it.
        } else if name.ends_with(".html") && name != "all.html" && !name.ends_with("trait._.html") {
            pages.insert(name, signatures(&fs::read_to_string(entry.path()).expect("it is text")));
        }
    }
}

/// The declaration that a page is about, its methods, and what it implements.
fn signatures(page: &str) -> BTreeSet<String> {
    // Who implements a trait is told on the page of each type.
    let own = page.split("id=\"foreign-impls\"").next().and_then(|page| page.split("id=\"implementors\"").next());
    let own = own.unwrap_or(page);
    let ends = [
        ("<pre class=\"rust item-decl\">", "</pre>"),
        ("<h3 class=\"code-header\">", "</h3>"),
        ("<h4 class=\"code-header\">", "</h4>"),
    ];
    let of = |(begin, end): (&str, &str)| {
        own.split(begin).skip(1).filter_map(|rest| Some(plain(&text(rest.split(end).next()?)))).collect::<Vec<_>>()
    };
    ends.into_iter().flat_map(of).collect()
}

/// Without its tags; what links to a type is that type's path.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let Some((tag, after)) = tag.split_once('>') else { break };
        rest = after;
        let title = tag.split_once("title=\"").and_then(|(_, title)| title.split_once('"'));
        let is_type =
            ["struct", "enum", "trait", "type", "union"].iter().any(|kind| tag.contains(&format!("class=\"{kind}\"")));
        if let (true, Some((title, _)), Some((_, after))) = (is_type, title, after.split_once("</a>")) {
            text.push_str(title.split_once(' ').map_or(title, |(_, path)| path));
            rest = after;
        }
    }
    text.push_str(rest);
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}

/// In one form: on one line, without the names of arguments, and without those of lifetimes where no name is needed.
fn plain(signature: &str) -> String {
    let words: Vec<&str> = signature.split_whitespace().filter(|&word| word != "ⓘ").collect();
    let mut line = words.join(" ").replace("ⓘ", "").replace("where ", " where ").replace("  ", " ");
    line = line.replace("( ", "(").replace(", )", ")").replace(" )", ")");
    // Fields that are not public, with names or without.
    line = line.replace("(/* private fields */);", " { /* private fields */ }");
    if line.contains("fn ") {
        line = without_names(&line);
    }
    if line.starts_with("impl<'a> ") && line.matches("'a").count() == 2 {
        line = line.replacen("impl<'a> ", "impl ", 1).replace("'a", "'_");
    }
    // What the future holds on to: all types and no lifetime is what is not said in the edition of smol's crates.
    for all in [" + use<>", " + use<P>"] {
        line = line.replace(all, "");
    }
    line.trim_end_matches([',', ' ']).to_string()
}

/// Leaves `name: ` of each argument out.
fn without_names(line: &str) -> String {
    let mut kept = String::new();
    for (index, part) in line.split(": ").enumerate() {
        if index > 0 {
            let name =
                kept.rsplit(|c: char| !(c.is_alphanumeric() || c == '_' || c == '\'')).next().unwrap_or_default();
            match name.starts_with(|c: char| c.is_lowercase() || c == '_') {
                true => kept.truncate(kept.len() - name.len()),
                false => kept.push_str(": "),
            }
        }
        kept.push_str(part);
    }
    kept.replace("(mut ", "(").replace(", mut ", ", ")
}

/// Each difference: the page, whose it is, and the line.
fn differences<'a>(real: &'a Pages, ours: &'a Pages) -> Vec<(&'a str, &'static str, &'a str)> {
    let mut all = Vec::new();
    for (one, other, whose) in [(real, ours, "in smol"), (ours, real, "here")] {
        for (path, lines) in one {
            match other.get(path) {
                Some(others) => all.extend(lines.difference(others).map(|line| (path.as_str(), whose, line.as_str()))),
                None => all.push((path, whose, "the whole page")),
            }
        }
    }
    all
}

#[test]
fn rustdoc_tells_the_same_of_both() {
    let (real, ours) = (documented(&[]), documented(&["--features=sim"]));
    let count: usize = real.values().map(BTreeSet::len).sum();
    assert!(real.len() > 250 && count > 7_000, "{} pages, {count} lines: it looks at the right places", real.len());
    let mut unneeded: Vec<_> = EXPLAINED.iter().collect();
    let mut other = differences(&real, &ours);
    other.retain(|(path, _, line)| {
        let explains = |(page, begin, _): &(&str, &str, &str)| path.starts_with(page) && line.starts_with(begin);
        unneeded.retain(|entry| !explains(entry));
        !EXPLAINED.iter().any(explains)
    });
    let lines: Vec<String> = other.iter().map(|(path, whose, line)| format!("{path}: {whose}: {line}")).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
    assert!(unneeded.is_empty(), "nothing differs so: {unneeded:?}");
}

#[test]
fn what_differs_is_seen() {
    let line = |text: &str| Pages::from([("struct.A.html".to_string(), BTreeSet::from([plain(text)]))]);
    let differ = |one: &str, two: &str| differences(&line(one), &line(two)).len();
    assert_eq!(differ("pub fn a(&self, n: u8) -> B", "pub fn a(\n  &self,\n  mut m: u8,\n) -> B"), 0);
    assert_eq!(differ("impl<'a> B for A<'a>", "impl B for A<'_>"), 0);
    assert_eq!(differ("pub struct A(/* private fields */);", "pub struct A { /* private fields */ }"), 0);
    for (one, two) in [
        ("pub fn a(&self, n: u8) -> B", "pub fn a(&self, n: u16) -> B"),
        ("pub fn a(&self, n: u8)", "pub fn a(&mut self, n: u8)"),
        ("pub fn a() -> B", "pub const fn a() -> B"),
        ("pub fn a<T: B>()", "pub fn a<T: C>()"),
        ("impl<T> Send for A<T>where T: Send", "impl<T> Send for A<T>where T: Send + Sync"),
        ("impl<'a> B<'a> for A<'a>", "impl<'a> B<'_> for A<'a>"),
        ("fn a() -> impl Future<Output = ()>", "fn a() -> impl Future<Output = ()> + use<'_>"),
    ] {
        assert_eq!(differ(one, two), 2, "{one} and {two}");
    }
    let page = "<h4 class=\"code-header\">fn a() -&gt; <a class=\"struct\" href=\"x\" title=\"struct b::C\">C</a></h4>";
    assert_eq!(signatures(page), BTreeSet::from(["fn a() -> b::C".to_string()]));
    assert_eq!(differences(&line("a"), &Pages::new()), [("struct.A.html", "in smol", "the whole page")]);
}

//! YAML: what is read, where it is, and that no bytes break the reader.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write;
use std::rc::Rc;

use proptest::prelude::*;
use svcc_core::yaml::{Chunk, Limits, Problem, Rule, Scalar, Span, Step, Values, read, row_of};

const LIMITS: Limits = Limits { depth: 50, aliased_nodes: 1000 };

/// Values as JSON would write them.
#[derive(Clone, Debug)]
enum Value {
    Scalar(String),
    List(Rc<Vec<Value>>),
    Mapping(Rc<RefCell<Vec<(String, Value)>>>),
}

impl Value {
    fn fields(&self) -> Vec<(String, Value)> {
        match self {
            Self::Mapping(fields) => fields.borrow().clone(),
            _ => Vec::new(),
        }
    }

    fn write(&self, into: &mut String) {
        match self {
            Self::Scalar(text) => into.push_str(text),
            Self::List(values) => {
                into.push('[');
                for (number, value) in values.iter().enumerate() {
                    into.push_str(if number > 0 { "," } else { "" });
                    value.write(into);
                }
                into.push(']');
            }
            Self::Mapping(fields) => {
                into.push('{');
                for (number, (name, value)) in fields.borrow().iter().enumerate() {
                    let comma = if number > 0 { "," } else { "" };
                    write!(into, "{comma}{name:?}:").expect("text takes all");
                    value.write(into);
                }
                into.push('}');
            }
        }
    }
}

struct Plain;

impl Values for Plain {
    type Value = Value;
    type Key = String;
    type Error = Infallible;

    fn scalar(&mut self, scalar: Scalar<'_>) -> Result<Value, Infallible> {
        Ok(Value::Scalar(match scalar {
            Scalar::Null => "null".to_owned(),
            Scalar::Bool(value) => value.to_string(),
            Scalar::Integer(value) => value.to_string(),
            Scalar::Float(value) => format!("{value:?}"),
            Scalar::Text(text) => format!("{text:?}"),
        }))
    }

    fn key(&mut self, name: &str) -> Result<String, Infallible> {
        Ok(name.to_owned())
    }

    fn list(&mut self, values: Vec<Value>) -> Result<Value, Infallible> {
        Ok(Value::List(Rc::new(values)))
    }

    fn mapping(&mut self) -> Result<Value, Infallible> {
        Ok(Value::Mapping(Rc::default()))
    }

    fn insert(&mut self, mapping: &Value, key: &String, value: Value) -> Result<(), Infallible> {
        if let Value::Mapping(fields) = mapping {
            let mut fields = fields.borrow_mut();
            match fields.iter_mut().find(|(name, _)| name == key) {
                Some((_, old)) => *old = value,
                None => fields.push((key.clone(), value)),
            }
        }
        Ok(())
    }

    fn holds(&mut self, mapping: &Value, key: &String) -> Result<bool, Infallible> {
        Ok(mapping.fields().iter().any(|(name, _)| name == key))
    }

    fn names(&mut self, mapping: &Value) -> Result<Vec<String>, Infallible> {
        Ok(mapping.fields().into_iter().map(|(name, _)| name).collect())
    }

    fn merge(&mut self, mapping: &Value, part: &Value) -> Result<(), Infallible> {
        part.fields().into_iter().try_for_each(|(name, value)| self.insert(mapping, &name, value))
    }

    fn mappings(&mut self, value: &Value) -> Result<Option<Vec<Value>>, Infallible> {
        Ok(match value {
            Value::Mapping(_) => Some(vec![value.clone()]),
            Value::List(values) if values.iter().all(|part| matches!(part, Value::Mapping(_))) => Some(values.to_vec()),
            _ => None,
        })
    }

    fn is_null(&self, value: &Value) -> bool {
        matches!(value, Value::Scalar(text) if text == "null")
    }
}

fn reading(text: &[u8]) -> (Vec<Chunk<'_, Value>>, Vec<Problem>) {
    let Ok(found) = read(&mut Plain, text, &LIMITS);
    found
}

/// The documents as JSON, and the problems as a line and words.
fn told(text: &str) -> (Vec<String>, Vec<(usize, String)>) {
    let (chunks, problems) = reading(text.as_bytes());
    let documents = chunks.iter().flat_map(|chunk| &chunk.documents).map(|document| {
        let mut json = String::new();
        document.value.write(&mut json);
        json
    });
    let problems = problems.iter().map(|problem| {
        let words = &problem.words;
        (problem.line, format!("{}{}{}", words.before, words.quoted.as_deref().unwrap_or(""), words.after))
    });
    (documents.collect(), problems.collect())
}

#[test]
fn texts_become_the_values_that_kubernetes_makes_of_them() {
    let rows = [
        ("a: 1\nb: [x, 'y', \"\\u00e9\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"é\"]}"),
        ("- a\n- - b\n  - c: d\n", "[\"a\",[\"b\",{\"c\":\"d\"}]]"),
        ("a:\n- 1\nb: on\non: 0o17\n", "{\"a\":[1],\"b\":true,\"true\":15}"),
        ("a: |\n  x\n   y\n\nb: >-\n  x\n  y\n", "{\"a\":\"x\\n y\\n\",\"b\":\"x y\"}"),
        ("a: x\n  y\n\n  z # no\n", "{\"a\":\"x y\\nz\"}"),
        ("? a\n: b\n? c\n", "{\"a\":\"b\",\"c\":null}"),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n", "{\"a\":{\"b\":1,\"c\":2},\"d\":{\"b\":1,\"c\":3}}"),
        ("%YAML 1.1\n--- !!str 1\n...\n", "\"1\""),
        ("a: 1e3\nb: 1.5\nc: 1e21\nd: '1'\n", "{\"a\":1000,\"b\":1.5,\"c\":1e21,\"d\":\"1\"}"),
        ("a:\r\n  b: c\r\n", "{\"a\":{\"b\":\"c\"}}"),
    ];
    for (text, json) in rows {
        assert_eq!(told(text), (vec![json.to_owned()], vec![]), "{text:?}");
    }
}

#[test]
fn what_is_wrong_is_told_in_the_words_of_libyaml_with_its_line() {
    let rows = [
        ("a: b: c\n", 1, "not valid YAML: mapping values are not allowed in this context"),
        ("a: 1\nb\n", 2, "not valid YAML: while scanning a simple key, could not find expected ':'"),
        ("a: [1\n", 1, "not valid YAML: while parsing a flow sequence, did not find expected ',' or ']'"),
        ("a: \"x\n", 1, "not valid YAML: while scanning a quoted scalar, found unexpected end of stream"),
        (
            "a:\n\t- b\n",
            2,
            "not valid YAML: while scanning for the next token, found character that cannot start any token",
        ),
        ("a: *x\n", 1, "not valid YAML: the anchor x is not defined before"),
        ("a: &x [*x]\n", 1, "not valid YAML: the anchor x contains itself"),
        ("a: \"\\", 1, "not valid YAML: while parsing a quoted scalar, found unknown escape character"),
        ("a: !x 1\n", 1, "the tag !x has no meaning in a manifest"),
        ("a: \u{7}\n", 1, "not valid YAML: the control character U+0007 is not allowed"),
    ];
    for (text, line, words) in rows {
        assert_eq!(told(text).1, [(line, words.to_owned())], "{text:?}");
    }
}

#[test]
fn a_broken_document_leaves_the_others_alone() {
    let (documents, problems) = told("a: [\n---\nb: 1\n---\nc: }\n--- \nd: 2\n");
    assert_eq!(documents, ["{\"b\":1}", "{\"d\":2}"]);
    assert_eq!(problems.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 5]);
}

#[test]
fn a_name_that_comes_twice_is_told_with_its_path_and_a_merged_one_may_be_replaced() {
    let (_, problems) = reading(b"a:\n- b: 1\n  <<: {b: 2, c: 3}\n  c: 4\n  b: 5\n");
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!((problem.rule, problem.line, problem.value.as_deref()), (Rule::DuplicateKey, 5, Some("b")));
    assert_eq!(problem.path, [Step::Name("a".to_owned()), Step::Index(0), Step::Name("b".to_owned())]);
}

#[test]
fn elements_of_items_know_their_places() {
    let text = "kind: List\nitems:\n- a: é\n- {b: 1}\n";
    let (chunks, _) = reading(text.as_bytes());
    let expected = [Span { row: 2, column: 2, start: 20, end: 25 }, Span { row: 3, column: 2, start: 27, end: 33 }];
    assert_eq!(chunks[0].spans[0].1[..], expected);
}

#[test]
fn fields_are_found_or_their_nearest_parents() {
    let text = "a:\n  b:\n  - c\n  - d:\n      on: 1\n";
    let name = |name: &str| Step::Name(name.to_owned());
    let rows = [
        (vec![name("a"), name("b"), Step::Index(1), name("d"), name("true")], 4),
        (vec![name("a"), name("b"), Step::Index(1)], 3),
        (vec![name("a"), name("b"), Step::Index(2)], 1),
        (vec![name("a"), name("x")], 0),
        (vec![Step::Index(0)], 0),
    ];
    for (path, row) in rows {
        assert_eq!(row_of(text, &path), row, "{path:?}");
    }
}

#[test]
fn nesting_without_end_is_refused_soon() {
    for piece in ["[", "{a: ", "- ", "? ", "[a: "] {
        let problems = told(&piece.repeat(200_000)).1;
        assert_eq!(problems, [(1, "more than 50 levels of nesting".to_owned())], "{piece:?}");
    }
    let staircase: String = (0..2000).fold(String::new(), |text, level| text + &" ".repeat(level) + "a:\n");
    assert_eq!(told(&staircase).1, [(51, "more than 50 levels of nesting".to_owned())]);
}

#[test]
fn aliases_of_aliases_do_not_explode() {
    let mut text = "a0: &a0 [x, x, x]\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        writeln!(text, "a{level}: &a{level} [*a{below}, *a{below}, *a{below}]").expect("text takes all");
    }
    let problems = told(&text).1;
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].1, "aliases add more than 1000 nodes");
}

fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        "-",
        "- ",
        "?",
        "? ",
        ":",
        ": ",
        ",",
        "[",
        "]",
        "{",
        "}",
        "#",
        " #",
        "&a",
        "*a",
        "!",
        "!!",
        "|",
        ">",
        "'",
        "\"",
        "%",
        "%YAML 1.1",
        "%TAG",
        "@",
        "`",
        "\\",
        "\\x4",
        "\n",
        "\n",
        "\n  ",
        "\t",
        "\r",
        "\r\n",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "---",
        "...",
        "\n--- ",
        "<<",
        "a",
        "é",
        "😀",
        "1",
        "0x",
        ".inf",
        "~",
        "!<",
        "%41",
        "%ff",
        " ",
        "  ",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

fn check_reading(text: &[u8]) -> Result<(), TestCaseError> {
    let lines = text.split(|&byte| byte == b'\n').count();
    let (chunks, problems) = reading(text);
    for problem in &problems {
        prop_assert!((1..=lines + 1).contains(&problem.line), "{problem:?}");
    }
    for chunk in &chunks {
        let length = chunk.text.chars().count();
        prop_assert!(chunk.flaws.is_sorted());
        for document in &chunk.documents {
            prop_assert!(document.start <= document.end && document.end <= length);
        }
        for span in chunk.spans.iter().flat_map(|(_, spans)| spans) {
            prop_assert!(span.start <= span.end && span.end <= length);
        }
        let path = [Step::Name("a".to_owned()), Step::Index(1)];
        prop_assert!(row_of(&chunk.text, &path) <= lines);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_to_values_in_the_text_or_problems(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        check_reading(&bytes)?;
    }

    #[test]
    fn any_marks_are_read_to_values_in_the_text_or_problems(text in soup()) {
        check_reading(text.as_bytes())?;
    }
}

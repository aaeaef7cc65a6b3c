//! `define NAME = VALUE` and `$NAME`.

use super::super::ReadError;
use std::borrow::Cow;
use std::collections::HashMap;

/// How many times its size a script may grow by its variables, beside a mebibyte.
const GROWTH: usize = 8;

/// The text with the values of the variables in place of their names, and as many lines.
///
/// # Errors
/// The values are too much text.
pub(super) fn expand(text: &str) -> Result<Cow<'_, str>, ReadError> {
    if !(text.contains('$') && text.contains("define")) {
        return Ok(Cow::Borrowed(text));
    }
    let limit = text.len().saturating_mul(GROWTH).saturating_add(1 << 20);
    let mut scan = Scan { text, position: 0, variables: HashMap::new(), spent: 0, limit };
    scan.all().map(Cow::Owned)
}

struct Scan<'a> {
    text: &'a str,
    position: usize,
    variables: HashMap<&'a str, String>,
    spent: usize,
    limit: usize,
}

fn name_length(text: &str) -> usize {
    text.find(|sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-' | '.' | '/')))
        .unwrap_or(text.len())
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn advance(&mut self, length: usize) -> &'a str {
        let end = self.position.saturating_add(length).min(self.text.len());
        let taken = self.text.get(self.position..end).unwrap_or_default();
        self.position = end;
        taken
    }

    fn all(&mut self) -> Result<String, ReadError> {
        let mut output = String::with_capacity(self.text.len());
        while !self.rest().is_empty() {
            let before = output.trim_end_matches([' ', '\t']);
            if (before.is_empty() || before.ends_with(['\n', ';', '{', '}']))
                && let Some((keyword, has_value)) = self.definition()
            {
                self.advance(keyword);
                self.define(has_value, &mut output)?;
            } else {
                self.piece(&mut output, false)?;
            }
        }
        Ok(output)
    }

    /// The length of the word `define` and its likes, if it stands here; and whether it has a value.
    fn definition(&self) -> Option<(usize, bool)> {
        [("define", true), ("redefine", true), ("undefine", false)].into_iter().find_map(|(word, has_value)| {
            let blank = self.rest().strip_prefix(word)?.starts_with([' ', '\t']);
            blank.then_some((word.len(), has_value))
        })
    }

    fn define(&mut self, has_value: bool, output: &mut String) -> Result<(), ReadError> {
        self.blanks();
        let length = name_length(self.rest());
        let name = self.advance(length);
        self.blanks();
        let mut value = String::new();
        if has_value && self.rest().starts_with('=') {
            self.advance(1);
            let mut depth = 0_usize;
            loop {
                match self.rest().bytes().next() {
                    None => break,
                    Some(b'\n' | b';') if depth == 0 => break,
                    Some(b'{') => depth += 1,
                    Some(b'}') => depth = depth.saturating_sub(1),
                    Some(_) => {}
                }
                self.piece(&mut value, true)?;
            }
            // The lines stay the same.
            output.extend(value.chars().filter(|&sign| sign == '\n'));
            self.variables.insert(name, value.replace('\n', " ").trim().to_owned());
        } else {
            self.variables.remove(name);
        }
        Ok(())
    }

    fn blanks(&mut self) {
        let length = self.rest().find(|sign| !matches!(sign, ' ' | '\t')).unwrap_or(self.rest().len());
        self.advance(length);
    }

    /// Copies blanks, a word, a string, a comment, a variable's value or a sign.
    fn piece(&mut self, output: &mut String, in_value: bool) -> Result<(), ReadError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(()) };
        match first {
            '"' => {
                let end = rest
                    .bytes()
                    .skip(1)
                    .position(|byte| matches!(byte, b'"' | b'\n'))
                    .map_or(rest.len(), |end| end + 1);
                let closed = rest.as_bytes().get(end) == Some(&b'"');
                output.push_str(self.advance(end + usize::from(closed)));
            }
            '#' => {
                let comment = self.advance(rest.find('\n').unwrap_or(rest.len()));
                // In a value, which becomes one line, it would swallow what follows.
                if !in_value {
                    output.push_str(comment);
                }
            }
            '\\' if in_value && rest.starts_with("\\\n") => {
                output.push('\n');
                self.advance(2);
            }
            '\\' if rest.starts_with("\\\n") => output.push_str(self.advance(2)),
            '$' => self.substitute(output)?,
            _ => {
                let word = name_length(rest);
                output.push_str(self.advance(if word == 0 { first.len_utf8() } else { word }));
            }
        }
        Ok(())
    }

    fn substitute(&mut self, output: &mut String) -> Result<(), ReadError> {
        self.advance(1);
        let name = self.advance(name_length(self.rest()));
        let Some(value) = self.variables.get(name) else {
            output.push('$');
            output.push_str(name);
            return Ok(());
        };
        self.spent = self.spent.saturating_add(value.len());
        if self.spent > self.limit {
            let before = self.text.get(..self.position).unwrap_or_default();
            let line = 1 + before.bytes().filter(|&byte| byte == b'\n').count();
            return Err(ReadError { line, message: "the variables stand for too much text".to_owned() });
        }
        output.push_str(value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn a_value_stands_where_its_name_stood_and_lines_stay() {
        let text = "define a = { 1.1.1.1, # one\n 2.2.2.2 }\ndefine b = $a\nx $b \"$b\" # $b\n$c";
        let expected = "\n\n\nx { 1.1.1.1,   2.2.2.2 } \"$b\" # $b\n$c";
        assert_eq!(expand(text).as_deref(), Ok(expected));
    }

    #[test]
    fn a_later_definition_counts_from_its_line_on() {
        let text = "define a = 1\n$a\nredefine a = 2\n$a\nundefine a\n$a";
        assert_eq!(expand(text).as_deref(), Ok("\n1\n\n2\n\n$a"));
    }

    #[test]
    fn variables_of_variables_do_not_fill_the_memory() {
        let mut text = format!("define a0 = {}\n", "x".repeat(100));
        for number in 1..60 {
            let before = number - 1;
            text = format!("{text}define a{number} = $a{before} $a{before}\n");
        }
        assert_eq!(
            expand(&text).map_err(|error| error.message),
            Err("the variables stand for too much text".to_owned())
        );
    }
}

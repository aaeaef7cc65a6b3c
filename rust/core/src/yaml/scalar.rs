//! What a scalar means to Kubernetes: the table of go-yaml v2, and the step to JSON of sigs.k8s.io/yaml.
//!
//! It is YAML 1.1 without timestamps, without base 60, with `y` and `n`, and with `0o` of YAML 1.2.

/// Of an integer in any base: 64 binary digits and some leading zeros; more never fit 64 bits.
const MOST_DIGITS: usize = 70;
/// What rounds to infinity as a 32-bit float.
const LARGEST_FLOAT32: f64 = 3.402_823_567_797_336_6e38;
/// Whole numbers from here on keep their exponent when Go writes them as JSON.
const LARGEST_WITHOUT_EXPONENT: f64 = 1e21;
const CORE: &str = "tag:yaml.org,2002:";
/// Exponents that Go's format 'g' writes as such, outside of this range.
const PLAIN_EXPONENTS: std::ops::Range<i32> = -4..6;

/// A value that JSON knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'t> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number below 1e21.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(&'t str),
}

/// Words about something that was written, which is shown in quotes between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// In front of it.
    pub before: String,
    /// What was written, if it is shown.
    pub quoted: Option<String>,
    /// Behind it.
    pub after: String,
}

impl Words {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { before: text.into(), quoted: None, after: String::new() }
    }

    pub(super) fn quoting(before: &str, quoted: &str, after: impl Into<String>) -> Self {
        Self { before: before.to_owned(), quoted: Some(quoted.to_owned()), after: after.into() }
    }
}

/// The value of a scalar without quotes and without a tag.
///
/// # Errors
/// `.inf` and `.nan`, which JSON does not know.
pub fn plain_value(text: &str) -> Result<Scalar<'_>, Words> {
    Ok(match resolved(text)? {
        Scalar::Float(number) => json_number(number),
        other => other,
    })
}

/// The value of a scalar with a tag: only the tags of JSON's own types have a meaning.
///
/// # Errors
/// Other tags, and a text that is not of the type that its tag names.
pub fn tagged_value<'t>(tag: &str, text: &'t str) -> Result<Scalar<'t>, Words> {
    if is_string_tag(tag) {
        return Ok(Scalar::Text(text));
    }
    let type_name = tag.strip_prefix(CORE).filter(|name| matches!(*name, "bool" | "int" | "float" | "null"));
    let Some(type_name) = type_name else {
        return Err(meaningless(tag));
    };
    let value = resolved(text)?;
    match (type_name, value) {
        ("bool", Scalar::Bool(_)) | ("int" | "float", Scalar::Integer(_)) | ("null", Scalar::Null) => Ok(value),
        ("float", Scalar::Float(number)) => Ok(json_number(number)),
        _ => {
            let after = format!(" is not of the type that its tag {} names", short_tag(tag));
            Err(Words::quoting("", text, after))
        }
    }
}

/// Whether what bears this tag is a string, whatever it looks like.
pub(super) fn is_string_tag(tag: &str) -> bool {
    tag == "!" || tag.strip_prefix(CORE) == Some("str")
}

/// The name that a scalar used as a key has in JSON: `on` is "true", `0x10` is "16", `1.10` is "1.1".
///
/// # Errors
/// Null and integers beyond 64 bits, as sigs.k8s.io/yaml refuses them.
pub fn key_text(text: &str) -> Result<String, Words> {
    if let Some(word) = word(text) {
        return match word {
            Scalar::Bool(value) => Ok(value.to_string()),
            _ => Err(Words::plain("null cannot be a key")),
        };
    }
    if !may_be_number(text) {
        return Ok(text.to_owned());
    }
    if is_not_in_json(text) {
        return Ok(text.to_ascii_lowercase().trim_start_matches('+').to_owned());
    }
    match number(text) {
        Some(Scalar::Integer(value)) => match i64::try_from(value) {
            Ok(value) => Ok(value.to_string()),
            Err(_) => Err(Words::plain("an integer beyond 64 bits cannot be a key")),
        },
        Some(Scalar::Float(value)) => Ok(float_key(value)),
        _ => Ok(text.to_owned()),
    }
}

/// Whether a plain scalar means something that JSON writes in another way: `on`, `0123`, `1.10`.
pub(super) fn changes(text: &str, value: Scalar<'_>) -> bool {
    match value {
        Scalar::Text(_) => false,
        Scalar::Null => text != "null",
        Scalar::Bool(value) => text != if value { "true" } else { "false" },
        Scalar::Integer(value) => text != value.to_string(),
        Scalar::Float(value) => text != float_text(value),
    }
}

/// A number as Python's `json` writes it.
fn float_text(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => number.to_string(),
    }
}

/// A tag as people write it: `!!int`, not `tag:yaml.org,2002:int`.
pub(super) fn short_tag(tag: &str) -> String {
    tag.strip_prefix(CORE).map_or_else(|| tag.to_owned(), |name| format!("!!{name}"))
}

pub(super) fn meaningless(tag: &str) -> Words {
    Words::plain(format!("the tag {} has no meaning in a manifest", short_tag(tag)))
}

fn resolved(text: &str) -> Result<Scalar<'_>, Words> {
    if let Some(word) = word(text) {
        return Ok(word);
    }
    if !may_be_number(text) {
        return Ok(Scalar::Text(text));
    }
    if is_not_in_json(text) {
        let said = format!("{text} is not a number that JSON knows; quote it to make it a string");
        return Err(Words::plain(said));
    }
    Ok(number(text).unwrap_or(Scalar::Text(text)))
}

fn word(text: &str) -> Option<Scalar<'static>> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(Scalar::Bool(true)),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(Scalar::Bool(false))
        }
        "" | "~" | "null" | "Null" | "NULL" => Some(Scalar::Null),
        _ => None,
    }
}

fn may_be_number(text: &str) -> bool {
    matches!(text.as_bytes().first(), Some(b'+' | b'-' | b'.' | b'0'..=b'9'))
}

fn is_not_in_json(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// The number a scalar means, before JSON; none when it is a string.
fn number(text: &str) -> Option<Scalar<'static>> {
    if text.starts_with('.') {
        return float(text);
    }
    if !text.bytes().any(|byte| byte == b'_') {
        return integer(text).or_else(|| float(text));
    }
    let digits: String = text.chars().filter(|&character| character != '_').collect();
    integer(&digits).or_else(|| float(&digits))
}

fn integer(text: &str) -> Option<Scalar<'static>> {
    let (sign, digits) = match text.as_bytes().first()? {
        sign @ (b'+' | b'-') => (Some(*sign), &text[1..]),
        _ => (None, text),
    };
    let (digits, base) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', b'b' | b'B', ..] => (&digits[2..], 2),
        [b'0', b'o' | b'O', ..] => (&digits[2..], 8),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    if significant.len() > MOST_DIGITS {
        return None;
    }
    let value = match significant {
        "" => 0,
        _ => i128::from(u64::try_from(u128::from_str_radix(significant, base).ok()?).ok()?),
    };
    let value = if sign == Some(b'-') { -value } else { value };
    (i64::try_from(value).is_ok() || sign.is_none()).then_some(Scalar::Integer(value))
}

/// A number with a decimal point or an exponent; none where it does not fit 64 bits: go-yaml then keeps the string.
fn float(text: &str) -> Option<Scalar<'static>> {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    let whole = unsigned.iter().take_while(|byte| is_digit(byte)).count();
    let mut rest = &unsigned[whole..];
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| is_digit(byte)).count();
        if whole == 0 && digits == 0 {
            return None;
        }
        rest = &fraction[digits..];
    } else if whole == 0 {
        return None;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let digits = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        if digits.is_empty() || !digits.iter().all(is_digit) {
            return None;
        }
    } else if !rest.is_empty() {
        return None;
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Scalar::Float)
}

/// A float as it comes out of JSON written by Go: whole numbers below 1e21 lose their fraction.
fn json_number(number: f64) -> Scalar<'static> {
    if number.fract() == 0.0 && number.abs() < LARGEST_WITHOUT_EXPONENT {
        // The shortest digits that tell the float apart, filled up with zeros.
        if let Ok(whole) = number.to_string().parse() {
            return Scalar::Integer(whole);
        }
    }
    Scalar::Float(number)
}

/// Go's `FormatFloat(number, 'g', -1, 32)`: the shortest digits that a 32-bit float tells apart.
#[expect(clippy::cast_possible_truncation, reason = "it is what Go does")]
fn float_key(number: f64) -> String {
    if number.abs() >= LARGEST_FLOAT32 {
        return if number > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let single = number as f32;
    let mut shortest = String::new();
    let mut value = 0.0;
    for precision in 0..9 {
        shortest = format!("{:.precision$e}", f64::from(single));
        value = shortest.parse::<f64>().unwrap_or(0.0);
        if value.abs() < LARGEST_FLOAT32 && (value as f32).to_bits() == single.to_bits() {
            break;
        }
    }
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let scale: i32 = exponent.parse().unwrap_or(0);
    if !PLAIN_EXPONENTS.contains(&scale) {
        return format!("{mantissa}e{}{:02}", if scale < 0 { '-' } else { '+' }, scale.abs());
    }
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let decimals = usize::try_from(i32::try_from(digits).unwrap_or(0) - 1 - scale).unwrap_or(0);
    format!("{value:.decimals$}")
}

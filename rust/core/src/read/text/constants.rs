//! Numbers and addresses.

use super::lexer::{Lexer, Token};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl<'a> Lexer<'a> {
    /// An address of IPv6, a MAC address or a class id; None if it is something else.
    pub(super) fn with_colons(&mut self, start: usize) -> Option<Token<'a>> {
        let end = self.run(start, |byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
        let mut text = self.source.get(start..end)?;
        let first = text.find(':')?;
        if self.byte(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        if text.ends_with(':') && !text.ends_with("::") {
            text = text.strip_suffix(':')?;
        }
        let end = start + text.len();
        let groups = text.bytes().filter(|&byte| byte == b':').count();
        if groups >= 2
            && let Ok(address) = text.parse::<Ipv6Addr>()
        {
            return Some(self.ends(end, Token::Address(IpAddr::V6(address))));
        }
        let longest = if groups == 1 { 4 } else { 2 };
        let is_constant = (groups == 1 || groups >= 5)
            && text.get(first..)?.bytes().all(|byte| byte != b'.')
            && text.split(':').all(|group| (1..=longest).contains(&group.len()) && !group.contains('.'));
        is_constant.then(|| self.ends(end, Token::Constant(text)))
    }

    /// An address of IPv4 without leading zeros, and with nothing behind it.
    fn ipv4(&mut self, start: usize) -> Option<Token<'a>> {
        let bytes = self.source.as_bytes().get(start..)?;
        let (mut address, mut octet, mut digits, mut dots) = (0_u32, 0_u32, 0, 0);
        for (length, &byte) in bytes.iter().enumerate().take(16) {
            match byte {
                b'0' if digits > 0 && octet == 0 => return None,
                b'0'..=b'9' if digits < 3 => (octet, digits) = (octet * 10 + u32::from(byte - b'0'), digits + 1),
                b'.' if digits > 0 && octet < 256 && dots < 3 => {
                    (address, octet, digits, dots) = (address << 8 | octet, 0, 0, dots + 1);
                }
                b'0'..=b'9' | b'.' | b':' | b'_' | b'A'..=b'Z' | b'a'..=b'z' => return None,
                _ if dots < 3 || digits == 0 || octet > 255 => return None,
                _ => {
                    let address = Ipv4Addr::from_bits(address << 8 | octet);
                    return Some(self.ends(start + length, Token::Address(IpAddr::V4(address))));
                }
            }
        }
        None
    }

    /// A short decimal number with nothing behind it.
    pub(super) fn decimal(&mut self, start: usize) -> Option<Token<'a>> {
        let mut number = 0_u64;
        let bytes = self.source.as_bytes().get(start..)?;
        for (length, &byte) in bytes.iter().enumerate().take(18) {
            match byte {
                b'0'..=b'9' => number = number * 10 + u64::from(byte - b'0'),
                b'.' => return self.ipv4(start),
                b':' | b'_' | b'A'..=b'Z' | b'a'..=b'z' => return None,
                _ => return Some(self.ends(start + length, Token::Number(u128::from(number)))),
            }
        }
        None
    }

    /// A number, an address of IPv4, or a word that begins with a digit.
    pub(super) fn digits(&mut self, start: usize) -> Token<'a> {
        if self.byte(start) == Some(b'0') && matches!(self.byte(start + 1), Some(b'x' | b'X')) {
            let end = self.run(start + 2, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let word = self.source.get(start..end).unwrap_or_default();
            let number = word.get(2..).and_then(|digits| u128::from_str_radix(digits, 16).ok());
            return self.ends(end, number.map_or(Token::Word(word), Token::Number));
        }
        let end = self.run(start, |byte| byte.is_ascii_digit() || byte == b'.');
        let text = self.source.get(start..end).unwrap_or_default();
        let follows_letter = self.byte(end).is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if !follows_letter && let Ok(address) = text.parse::<Ipv4Addr>() {
            return self.ends(end, Token::Address(IpAddr::V4(address)));
        }
        let end = self.run(start, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let word = self.source.get(start..end).unwrap_or_default();
        self.ends(end, word.parse().map_or(Token::Word(word), Token::Number))
    }
}

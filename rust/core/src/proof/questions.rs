//! What neither the packet nor the ruleset says.

use rustc_hash::FxHashMap;

/// Something with several possible answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// What is asked, in words that are the same wherever the same thing is asked.
    pub condition: Box<str>,
    /// Why it is not known, and the first rule that asks, for people.
    pub reason: Box<str>,
    /// How many answers there are, from 0; higher values are the last one. Of records it is 0: values of the set.
    pub answers: u32,
}

/// The questions of functions that are to be compared, each once. Records are questions, too.
#[derive(Clone, Debug, Default)]
pub struct Questions {
    asked: Vec<Question>,
    numbers: FxHashMap<Box<str>, u32>,
    rulesets: u32,
}

impl Questions {
    /// The number of a question, as [`Variable::Question`](super::Variable::Question) and
    /// [`Variable::Record`](super::Variable::Record) have it.
    pub fn number(&mut self, condition: &str, answers: u32, reason: impl FnOnce() -> String) -> u32 {
        if let Some(number) = self.numbers.get(condition) {
            return *number;
        }
        let number = u32::try_from(self.asked.len()).unwrap_or(u32::MAX);
        self.asked.push(Question { condition: condition.into(), reason: reason().into(), answers });
        self.numbers.insert(condition.into(), number);
        number
    }

    /// A question by its number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Question> {
        self.asked.get(number as usize)
    }

    /// A number for another ruleset: what its sets hold beyond the dump is no other ruleset's business.
    pub(super) fn ruleset(&mut self) -> u32 {
        self.rulesets += 1;
        self.rulesets
    }
}

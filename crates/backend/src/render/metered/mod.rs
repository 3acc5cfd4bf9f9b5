//! Makes a template count its steps: the engine runs loops for as long as they last, so a
//! call that counts is put into a copy of the source, wherever something is repeated. What
//! the template prints stays the same to the letter.

use super::{
    Position,
    source::{Tag, TagKind, Token, TokenKind, tags},
};

/// The function that counts a turn of a loop, or a component, and prints nothing.
pub(super) const COUNT_TURN: &str = "__easel_turn";
/// The function that counts an element of a list that is made from another, and is true.
pub(super) const COUNT_ELEMENT: &str = "__easel_element";

/// What a name in a template stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    Filter,
    Test,
    Function,
}

/// A source, read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    source: &'a str,
    inserts: Vec<Insert>,
    /// The filters, tests and functions that it names, and at which byte.
    pub(super) uses: Vec<(Use, &'a str, usize)>,
}

#[derive(Debug)]
struct Insert {
    /// Before this byte of the source.
    at: usize,
    /// Instead of so many bytes.
    instead_of: usize,
    text: String,
}

/// A source that counts.
#[derive(Debug)]
pub(super) struct Metered {
    pub(super) source: String,
    /// Where something was put in: the line, the column in characters from 0, and how many.
    moved: Vec<(usize, usize, usize)>,
}

impl Metered {
    /// The place in the caller's own source of a place in this one.
    pub(super) fn original(&self, at: Position) -> Position {
        let before = |(line, column, _): &&(usize, usize, usize)| {
            *line == at.line && *column < at.column.saturating_sub(1)
        };
        let moved: usize = self.moved.iter().filter(before).map(|(_, _, length)| length).sum();
        Position { column: at.column.saturating_sub(moved).max(1), ..at }
    }
}

/// The place of a byte of `source`.
pub(super) fn position(source: &str, at: usize) -> Position {
    let before = &source[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    Position { line, column: before[line_start..].chars().count() + 1 }
}

impl<'a> Reading<'a> {
    /// Reads a source; `None` for one that the engine does not take either.
    pub(super) fn of(source: &'a str) -> Option<Self> {
        let mut reading = Self { source, inserts: Vec::new(), uses: Vec::new() };
        for tag in tags(source)? {
            reading.read(&tag);
        }
        Some(reading)
    }

    /// The source that counts; `None` if nothing in it is repeated.
    pub(super) fn metered(&self) -> Option<Metered> {
        if self.inserts.is_empty() {
            return None;
        }
        let mut metered = Metered { source: String::new(), moved: Vec::new() };
        let mut from = 0;
        let (mut line, mut column) = (1, 0);
        for insert in &self.inserts {
            let kept = &self.source[from..insert.at];
            for c in kept.chars() {
                (line, column) = if c == '\n' { (line + 1, 0) } else { (line, column + 1) };
            }
            metered.source.push_str(kept);
            metered.source.push_str(&insert.text);
            // What is put in and what goes for it are plain letters, and never a new line.
            metered.moved.push((line, column, insert.text.len() - insert.instead_of));
            column += insert.text.len();
            from = insert.at + insert.instead_of;
        }
        metered.source.push_str(&self.source[from..]);
        Some(metered)
    }

    fn read(&mut self, tag: &Tag<'a>) {
        let first = tag.tokens.first().filter(|_| tag.kind == TagKind::Statement);
        let is = |word: &str| first.is_some_and(|first| first.is_word(word));
        // A definition names nothing; what it takes are literals.
        if !is("component") {
            let mut expressions = Expressions { reading: self, open: Vec::new(), operand: true };
            expressions.read(&tag.tokens, first.is_some());
        }
        if is("for") || is("component") {
            self.count_turns(tag);
        }
    }

    /// Counts right behind the tag; white space that the tag takes off is then taken off by
    /// the call.
    fn count_turns(&mut self, tag: &Tag) {
        let insert = |at, instead_of, text: String| Insert { at, instead_of, text };
        match tag.trims_at {
            None => {
                let text = format!("{{{{ {COUNT_TURN}() }}}}");
                self.inserts.push(insert(tag.after, 0, text));
            }
            Some(minus) => {
                self.inserts.push(insert(minus, 1, " ".to_owned()));
                let text = format!("{{{{ {COUNT_TURN}() -}}}}");
                self.inserts.push(insert(tag.after, 0, text));
            }
        }
    }
}

/// What was opened and is not closed yet.
#[derive(Debug, PartialEq, Eq)]
enum Open {
    /// A list; what was read of it tells whether it is made from another.
    List(Comprehension),
    /// Any other bracket.
    Bracket,
    /// The call of a component: `<Name …`.
    Component,
}

#[derive(Debug, PartialEq, Eq)]
enum Comprehension {
    No,
    /// `for` was there.
    Unfiltered,
    /// `if` was there, too.
    Filtered,
}

/// Follows the expressions in a tag, as far as it takes to know words from names.
struct Expressions<'r, 'a> {
    reading: &'r mut Reading<'a>,
    open: Vec<Open>,
    /// Whether a value has to come next, rather than something that joins values.
    operand: bool,
}

impl<'a> Expressions<'_, 'a> {
    fn read(&mut self, tokens: &[Token<'a>], is_statement: bool) {
        for (i, token) in tokens.iter().enumerate() {
            let before = i.checked_sub(1).map(|i| tokens[i]);
            match token.kind {
                // What the statement does; an expression follows.
                TokenKind::Word if is_statement && i == 0 => {}
                _ if self.open.last() == Some(&Open::Component) => self.in_component(token, before),
                TokenKind::Word => self.word(i, tokens),
                TokenKind::Literal => self.operand = false,
                TokenKind::Sign => self.sign(token),
            }
        }
    }

    fn in_component(&mut self, token: &Token<'a>, before: Option<Token<'a>>) {
        if token.is_sign("{") {
            self.open.push(Open::Bracket);
            self.operand = true;
        } else if token.is_sign(">") {
            self.open.pop();
            // A call that stands for itself is a value; `/` is not a division.
            self.operand = !before.is_some_and(|before| before.is_sign("/"));
        }
    }

    fn word(&mut self, i: usize, tokens: &[Token<'a>]) {
        let token = tokens[i];
        let before = i.checked_sub(1).map(|i| tokens[i]);
        let is_before = |sign: &str| before.is_some_and(|before| before.is_sign(sign));
        let word_before = |word: &str| before.is_some_and(|before| before.is_word(word));
        let twice_before = i.checked_sub(2).is_some_and(|i| tokens[i].is_word("is"));
        if is_before("|") || (i == 1 && word_before("filter")) {
            self.uses(Use::Filter, token);
        } else if is_before(".") || is_before("?.") {
            self.operand = false;
        } else if (word_before("is") && token.text != "not") || (word_before("not") && twice_before)
        {
            self.uses(Use::Test, token);
        } else if self.operand {
            // `not` before a value leaves the value to come.
            self.operand = token.text == "not";
            if !self.operand && tokens.get(i + 1).is_some_and(|next| next.is_sign("(")) {
                self.uses(Use::Function, token);
            }
        } else {
            self.joint(token);
        }
    }

    fn uses(&mut self, what: Use, token: Token<'a>) {
        self.reading.uses.push((what, token.text, token.at));
        self.operand = false;
    }

    /// A word between two values.
    fn joint(&mut self, token: Token<'a>) {
        match (token.text, self.open.last_mut()) {
            ("for", Some(Open::List(state @ Comprehension::No))) => {
                *state = Comprehension::Unfiltered;
                self.operand = true;
            }
            ("if", Some(Open::List(state @ Comprehension::Unfiltered))) => {
                *state = Comprehension::Filtered;
                let text = format!(" {COUNT_ELEMENT}() and");
                self.reading.inserts.push(Insert { at: token.end(), instead_of: 0, text });
                self.operand = true;
            }
            ("and" | "or" | "in" | "if" | "else", _) => self.operand = true,
            _ => {}
        }
    }

    fn sign(&mut self, token: &Token<'a>) {
        match token.text {
            "[" if self.operand => self.open.push(Open::List(Comprehension::No)),
            "[" | "?[" | "(" | "{" => self.open.push(Open::Bracket),
            "]" | ")" | "}" => {
                if self.open.pop() == Some(Open::List(Comprehension::Unfiltered)) {
                    let text = format!(" if {COUNT_ELEMENT}()");
                    self.reading.inserts.push(Insert { at: token.at, instead_of: 0, text });
                }
                self.operand = false;
                return;
            }
            "<" if self.operand => self.open.push(Open::Component),
            "." | "?." | "|" => return,
            _ => {}
        }
        self.operand = true;
    }
}

#[cfg(test)]
mod tests;

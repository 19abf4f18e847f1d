//! [`Value`]: a value of a job file, and where it is.

use std::fmt::Display;

use flow::usage;
use lvm::did_you_mean;
use toml::de::{DeTable, DeValue};

/// A job file.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) name: &'t str,
    pub(super) text: &'t str,
}

/// A table whose keys are all known.
pub(super) struct Table<'t> {
    source: Source<'t>,
    table: &'t DeTable<'t>,
    start: usize,
}

/// A value, with the key that it was found under.
pub(super) struct Value<'t> {
    source: Source<'t>,
    key: &'t str,
    /// Where an error is, as the start of the key or the value.
    start: usize,
    value: &'t DeValue<'t>,
}

impl<'t> Source<'t> {
    /// An error at this byte.
    pub(super) fn error(self, start: usize, why: impl Display) -> anyhow::Error {
        usage(format!("{}: {why}", self.place(start)))
    }

    fn place(self, start: usize) -> String {
        let before = self.text.bytes().take(start);
        let line = 1 + before.filter(|byte| *byte == b'\n').count();
        format!("{}:{line}", self.name)
    }

    /// The table, which is called `what`, if it has no keys but these.
    pub(super) fn table(
        self,
        table: &'t DeTable<'t>,
        start: usize,
        what: &str,
        keys: &[&str],
    ) -> anyhow::Result<Table<'t>> {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !keys.contains(&name) {
                let meant = did_you_mean(name, keys.iter().copied());
                let meant = match meant {
                    Some(meant) => format!("; {meant}"),
                    None => format!(": expected {}", keys.join(", ")),
                };
                let start = key.span().start;
                return Err(self.error(start, format!("{name:?} is no key of {what}{meant}")));
            }
        }
        Ok(Table { source: self, table, start })
    }
}

impl<'t> Table<'t> {
    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &'t str) -> Option<Value<'t>> {
        let value = self.table.get(key)?;
        let (start, value) = (value.span().start, value.get_ref());
        Some(Value { source: self.source, key, start, value })
    }

    /// The value of a key that must be there.
    pub(super) fn required(&self, key: &'t str, what: &str) -> anyhow::Result<Value<'t>> {
        self.get(key).ok_or_else(|| self.source.error(self.start, format!("{what} has no {key:?}")))
    }

    /// What `read` makes of the value of a key, if it is there.
    pub(super) fn optional<T>(
        &self,
        key: &'t str,
        read: impl FnOnce(&Value<'t>) -> anyhow::Result<T>,
    ) -> anyhow::Result<Option<T>> {
        self.get(key).map(|value| read(&value)).transpose()
    }
}

impl<'t> Value<'t> {
    /// An error with this value.
    pub(super) fn error(&self, why: impl Display) -> anyhow::Error {
        self.source.error(self.start, format!("{}: {why}", self.key))
    }

    /// The file and the line.
    pub(super) fn place(&self) -> String {
        self.source.place(self.start)
    }

    /// An error with the value as a whole, without its key.
    pub(super) fn error_of_key(&self, why: impl Display) -> anyhow::Error {
        self.source.error(self.start, why)
    }

    fn expected(&self, what: &str) -> anyhow::Error {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(format!("expected {what}, found {found}"))
    }

    pub(super) fn text(&self) -> anyhow::Result<&'t str> {
        self.value.as_str().ok_or_else(|| self.expected("a text"))
    }

    /// What `parse` makes of the text.
    pub(super) fn parsed<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> anyhow::Result<T> {
        parse(self.text()?).map_err(|why| self.error(why))
    }

    /// A command for a shell.
    pub(super) fn command(&self) -> anyhow::Result<String> {
        match self.text()? {
            text if text.trim().is_empty() => Err(self.error("it is empty")),
            text if text.contains('\0') => Err(self.error("it contains a zero byte")),
            text => Ok(text.into()),
        }
    }

    /// A whole number from 1 up to the largest that anyone can mean.
    pub(super) fn count(&self) -> anyhow::Result<u32> {
        let number = self.value.as_integer().ok_or_else(|| self.expected("a number"))?;
        let text = number.as_str();
        let count = u32::from_str_radix(text, number.radix()).ok();
        count
            .filter(|count| (1..=100_000).contains(count))
            .ok_or_else(|| self.error(format!("expected a number from 1 to 100000, found {text}")))
    }

    pub(super) fn boolean(&self) -> anyhow::Result<bool> {
        self.value.as_bool().ok_or_else(|| self.expected("true or false"))
    }

    /// One of these words.
    pub(super) fn word(&self, words: [&'t str; 2]) -> anyhow::Result<&'t str> {
        let text = self.text()?;
        words.into_iter().find(|word| *word == text).ok_or_else(|| {
            let meant = did_you_mean(text, words.into_iter());
            let meant = meant.map_or(String::new(), |meant| format!("; {meant}"));
            let [one, other] = words;
            self.error(format!("expected {one} or {other}, found {text:?}{meant}"))
        })
    }

    /// Each of a list; a single value is a list of one.
    pub(super) fn list(&self) -> anyhow::Result<Vec<Value<'t>>> {
        let with = |start, value| Value { source: self.source, key: self.key, start, value };
        let Some(array) = self.value.as_array() else {
            return Ok(vec![with(self.start, self.value)]);
        };
        let list: Vec<_> = array.iter().map(|one| with(one.span().start, one.get_ref())).collect();
        if list.is_empty() {
            return Err(self.error("expected at least one"));
        }
        Ok(list)
    }

    /// The table, which is called `what`, if it has no keys but these.
    pub(super) fn table(&self, what: &str, keys: &[&str]) -> anyhow::Result<Table<'t>> {
        let table = self.value.as_table().ok_or_else(|| self.expected("a table"))?;
        self.source.table(table, self.start, what, keys)
    }

    /// What is in a table whose keys are names.
    pub(super) fn entries(&self) -> anyhow::Result<Vec<(&'t str, Value<'t>)>> {
        let table = self.value.as_table().ok_or_else(|| self.expected("a table"))?;
        let entries = table.iter().map(|(key, value)| {
            let name: &str = key.get_ref();
            let (start, value) = (key.span().start, value.get_ref());
            (name, Value { source: self.source, key: name, start, value })
        });
        Ok(entries.collect())
    }
}

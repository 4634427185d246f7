//! Shorthands for statements on a connection. Every statement is prepared once and cached.

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Params, Result, Row};

pub trait Query {
    /// Runs a statement that returns no rows. Returns how many it changed.
    fn run(&self, statement: &str, values: impl Params) -> Result<usize>;

    /// The first column of the first row.
    ///
    /// # Errors
    /// Also if there is no row.
    fn value<T: FromSql>(&self, select: &str, values: impl Params) -> Result<T>;

    /// The rows as values; `read` may skip rows.
    fn list<T>(&self, select: &str, values: impl Params, read: impl FnMut(&Row) -> Result<Option<T>>)
    -> Result<Vec<T>>;

    /// The same as [`Query::value`], if there is a row.
    fn find<T: FromSql>(&self, select: &str, values: impl Params) -> Result<Option<T>> {
        self.value(select, values).optional()
    }

    /// A value of the table `meta`.
    fn meta(&self, name: &str) -> Result<Option<String>> {
        self.find("SELECT value FROM meta WHERE name = ?1", [name])
    }

    fn set_meta(&self, name: &str, value: &str) -> Result<()> {
        self.run("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", [name, value]).map(drop)
    }
}

impl Query for Connection {
    fn run(&self, statement: &str, values: impl Params) -> Result<usize> {
        self.prepare_cached(statement)?.execute(values)
    }

    fn value<T: FromSql>(&self, select: &str, values: impl Params) -> Result<T> {
        self.prepare_cached(select)?.query_row(values, |row| row.get(0))
    }

    fn list<T>(
        &self,
        select: &str,
        values: impl Params,
        read: impl FnMut(&Row) -> Result<Option<T>>,
    ) -> Result<Vec<T>> {
        self.prepare_cached(select)?.query_map(values, read)?.filter_map(Result::transpose).collect()
    }
}

//! Reads rows of any table as events, with the values that the original emulator posts: it reads a row as a dictionary
//! and writes it by `json.dumps(row, default=str)`. So numbers stay numbers, a missing value is null, and a time, a
//! date or a decimal becomes its text. Bytes, for which `str` gives no useful text, become Base64.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::TryStreamExt;
use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Column, Executor, MySql, Row, Type, TypeInfo, ValueRef};

use crate::database::{Database, Pool};

/// A row whose values can be written as JSON.
pub(crate) trait EventRow: Row {
    /// Writes the value of column `index` as JSON.
    fn write_json(&self, index: usize, json: &mut Vec<u8>) -> Result<(), sqlx::Error>;

    /// The row as a JSON object, its columns in the order of the table.
    fn event(&self) -> Result<Bytes, sqlx::Error> {
        let mut json = Vec::with_capacity(512);
        for (index, column) in self.columns().iter().enumerate() {
            json.push(if index == 0 { b'{' } else { b',' });
            write_text(column.name(), &mut json);
            json.push(b':');
            self.write_json(index, &mut json)?;
        }
        json.push(b'}');
        Ok(json.into())
    }

    /// The value of column `index` as JSON.
    fn json(&self, index: usize) -> Result<String, sqlx::Error> {
        let mut json = Vec::new();
        self.write_json(index, &mut json)?;
        Ok(String::from_utf8_lossy(&json).into_owned())
    }
}

impl Database {
    /// Runs `query` and hands each row to `each`.
    ///
    /// The query goes to MySQL and Postgres without being prepared: their answers are then text, whatever the type.
    pub(crate) async fn for_each_row(
        &self,
        query: String,
        mut each: impl FnMut(&dyn RowView) -> Result<(), sqlx::Error> + Send,
    ) -> Result<(), sqlx::Error> {
        match &self.pool {
            Pool::Sqlite(pool) => visit(pool, query, |row: &SqliteRow| each(row)).await,
            Pool::MySql(pool) => visit(pool, query, |row: &MySqlRow| each(row)).await,
            Pool::Postgres(pool) => visit(pool, query, |row: &PgRow| each(row)).await,
        }
    }
}

/// [`EventRow`] without the types that differ by database.
pub(crate) trait RowView {
    /// See [`EventRow::event`].
    fn event(&self) -> Result<Bytes, sqlx::Error>;
    /// The value of the column of that name as JSON.
    fn json_of(&self, column: &str) -> Result<String, sqlx::Error>;
}

impl<R: EventRow> RowView for R {
    fn event(&self) -> Result<Bytes, sqlx::Error> {
        EventRow::event(self)
    }

    fn json_of(&self, column: &str) -> Result<String, sqlx::Error> {
        let index = self.columns().iter().position(|known| known.name() == column);
        self.json(index.ok_or_else(|| sqlx::Error::ColumnNotFound(column.to_owned()))?)
    }
}

async fn visit<DB, R>(
    pool: &sqlx::Pool<DB>,
    query: String,
    mut each: impl FnMut(&R) -> Result<(), sqlx::Error>,
) -> Result<(), sqlx::Error>
where
    DB: sqlx::Database<Row = R>,
    for<'c> &'c sqlx::Pool<DB>: Executor<'c, Database = DB>,
{
    let mut rows = sqlx::raw_sql(AssertSqlSafe(query)).fetch(pool);
    while let Some(row) = rows.try_next().await? {
        each(&row)?;
    }
    Ok(())
}

impl EventRow for SqliteRow {
    fn write_json(&self, index: usize, json: &mut Vec<u8>) -> Result<(), sqlx::Error> {
        // SQLite knows types by value, not by column.
        let kind = self.try_get_raw(index)?.type_info().name().to_owned();
        match kind.as_str() {
            "NULL" => json.extend_from_slice(b"null"),
            _ if self.try_get_raw(index)?.is_null() => json.extend_from_slice(b"null"),
            "INTEGER" => write_whole(self.try_get_unchecked::<i64, _>(index)?, json),
            "REAL" => write_double(self.try_get_unchecked::<f64, _>(index)?, json),
            "BLOB" => write_bytes(self.try_get_unchecked::<&[u8], _>(index)?, json),
            _ => write_text(&String::from_utf8_lossy(self.try_get_unchecked::<&[u8], _>(index)?), json),
        }
        Ok(())
    }
}

impl EventRow for MySqlRow {
    fn write_json(&self, index: usize, json: &mut Vec<u8>) -> Result<(), sqlx::Error> {
        let value = self.try_get_raw(index)?;
        if value.is_null() {
            json.extend_from_slice(b"null");
            return Ok(());
        }
        let bytes: &[u8] = self.try_get_unchecked(index)?;
        let kind = value.type_info();
        // By name a text with a `_bin` collation (MariaDB's JSON is one) is binary; only the collation tells.
        let is_text = <str as Type<MySql>>::compatible(&kind);
        match kind.name().trim_end_matches(" UNSIGNED") {
            // `BOOLEAN` is what sqlx calls TINYINT(1), which MySQL's clients read as a number.
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "YEAR" => {
                write_number(bytes, true, json)
            }
            "FLOAT" | "DOUBLE" => write_number(bytes, false, json),
            "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" | "BIT" | "GEOMETRY"
                if !is_text =>
            {
                write_bytes(bytes, json);
            }
            _ => write_text(&String::from_utf8_lossy(bytes), json),
        }
        Ok(())
    }
}

impl EventRow for PgRow {
    fn write_json(&self, index: usize, json: &mut Vec<u8>) -> Result<(), sqlx::Error> {
        let value = self.try_get_raw(index)?;
        if value.is_null() {
            json.extend_from_slice(b"null");
            return Ok(());
        }
        let text = value.as_str().map_err(sqlx::Error::Decode)?;
        let kind = value.type_info();
        match kind.name() {
            "INT2" | "INT4" | "INT8" | "OID" => write_number(text.as_bytes(), true, json),
            "FLOAT4" | "FLOAT8" => write_number(text.as_bytes(), false, json),
            "BOOL" => json.extend_from_slice(if text == "t" { b"true" } else { b"false" }),
            "BYTEA" => write_bytes(&hex_bytes(text), json),
            _ => write_text(text, json),
        }
        Ok(())
    }
}

/// Writes a number that came as text. It is read first: MySQL writes `0005` for a zero-filled 5, Postgres `NaN`.
fn write_number(text: &[u8], whole: bool, json: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(text);
    if !whole {
        write_double(text.parse().unwrap_or(f64::NAN), json);
    } else if let Ok(number) = text.parse::<i128>() {
        write_whole(number, json);
    } else {
        write_text(&text, json);
    }
}

fn write_whole(number: impl std::fmt::Display, json: &mut Vec<u8>) {
    write!(json, "{number}").expect("a vector takes every write");
}

/// JSON has neither infinity nor NaN: null stands for them.
fn write_double(number: f64, json: &mut Vec<u8>) {
    serde_json::to_writer(json, &number).expect("a vector takes every write");
}

fn write_text(text: &str, json: &mut Vec<u8>) {
    serde_json::to_writer(json, text).expect("a vector takes every write");
}

fn write_bytes(bytes: &[u8], json: &mut Vec<u8>) {
    write_text(&BASE64.encode(bytes), json);
}

/// Reads Postgres' `\x6869`.
fn hex_bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.trim_start_matches("\\x").chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}

//! Where a source database is, and with which credentials. Neither `Debug` nor any message shows the password.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use url::Url;

use crate::error::SourceError;

/// The address of a source database.
#[derive(Clone)]
pub struct Address {
    shown: String,
    pub(crate) options: Options,
}

#[derive(Clone)]
pub(crate) enum Options {
    Sqlite(SqliteConnectOptions),
    MySql(MySqlConnectOptions),
    Postgres(PgConnectOptions),
}

impl Address {
    /// Reads `sqlite://path`, `mysql://...`, `mariadb://...` or `postgres://...`, with the parameters that sqlx knows.
    ///
    /// # Errors
    /// [`SourceError::Address`] for another scheme or a malformed address.
    pub fn from_url(url: &str) -> Result<Self, SourceError> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        let parsed = match scheme {
            "sqlite" => SqliteConnectOptions::from_str(url).map(Options::Sqlite),
            "mysql" => MySqlConnectOptions::from_str(url).map(Options::MySql),
            "mariadb" => MySqlConnectOptions::from_str(&url.replacen("mariadb", "mysql", 1)).map(Options::MySql),
            "postgres" | "postgresql" => PgConnectOptions::from_str(url).map(Options::Postgres),
            _ => {
                return Err(SourceError::Address {
                    problem: "a database address begins with `sqlite://`, `mysql://`, `mariadb://` or `postgres://`"
                        .into(),
                    hint: "as in `sqlite://source.db` or `mysql://user:password@host:3306/database`".into(),
                });
            }
        };
        match parsed {
            Ok(options) => Ok(Self::new(shown_url(url), options)),
            Err(cause) => Err(SourceError::Address {
                problem: format!("the `{scheme}` address cannot be read: {}", address_fault(&cause)),
                hint: "percent-encode special characters in the password, or give a credentials file".into(),
            }),
        }
    }

    /// The SQLite file at `path`, whatever characters the path has.
    pub fn sqlite(path: &Path) -> Self {
        Self::new(format!("sqlite://{}", path.display()), Options::Sqlite(SqliteConnectOptions::new().filename(path)))
    }

    /// Reads the credentials file of the original emulator: YAML with `HOST`, `USER`, `PASSWORD`, `DATABASE` and `PORT`,
    /// each a number or a text; `DRIVER` may be `mysql` (the default) or `postgres`.
    ///
    /// # Errors
    /// [`SourceError::Address`] for what is no such file, a key that is missing or unknown, or a port that is none.
    pub fn from_db_creds_yaml(text: &str) -> Result<Self, SourceError> {
        let mut entries: BTreeMap<String, Option<String>> = serde_saphyr::from_str(text).map_err(|error| {
            // The parser's message may quote the file, and so the password.
            let line = error.location().map_or(1, |location| location.line());
            creds_fault(format!("the credentials file cannot be read: line {line} is not `KEY: value`"))
        })?;
        let mut take = |key: &str| entries.remove(key).flatten();
        let mut need = |key: &str| take(key).ok_or_else(|| creds_fault(format!("the credentials file lacks `{key}`")));
        let (host, user, database) = (need("HOST")?, need("USER")?, need("DATABASE")?);
        let password = take("PASSWORD").unwrap_or_default();
        let port = take("PORT");
        let driver = take("DRIVER").unwrap_or_else(|| "mysql".into()).to_ascii_lowercase();
        if let Some(key) = entries.keys().next() {
            return Err(creds_fault(format!("the credentials file has the unknown key `{key}`")));
        }
        let port = |default: u16| match &port {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| creds_fault(format!("`PORT` is `{text}`, which is no port"))),
        };
        let (port, options) = match driver.as_str() {
            "mysql" | "mariadb" => {
                let port = port(3306)?;
                let options = MySqlConnectOptions::new().host(&host).port(port).database(&database).username(&user);
                (port, Options::MySql(options.password(&password)))
            }
            "postgres" | "postgresql" => {
                let port = port(5432)?;
                let options = PgConnectOptions::new_without_pgpass().host(&host).port(port).database(&database);
                (port, Options::Postgres(options.username(&user).password(&password)))
            }
            other => {
                return Err(creds_fault(format!("`DRIVER` is `{other}`, which is neither `mysql` nor `postgres`")));
            }
        };
        Ok(Self::new(format!("{driver}://{user}@{host}:{port}/{database}"), options))
    }

    fn new(shown: String, options: Options) -> Self {
        // Statements hold hundreds of rows; sqlx would log the slow ones in full.
        let options = match options {
            Options::Sqlite(options) => Options::Sqlite(options.disable_statement_logging()),
            Options::MySql(options) => Options::MySql(options.disable_statement_logging()),
            Options::Postgres(options) => Options::Postgres(options.disable_statement_logging()),
        };
        Self { shown, options }
    }
}

impl FromStr for Address {
    type Err = SourceError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Self::from_url(url)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.shown)
    }
}

fn creds_fault(problem: String) -> SourceError {
    SourceError::Address {
        problem,
        hint: "it has the keys `HOST`, `USER`, `PASSWORD`, `DATABASE`, `PORT`, and `DRIVER` for Postgres; quote values with `:` or `#`"
            .into(),
    }
}

/// The address without its password and its parameters, which may hold another.
fn shown_url(url: &str) -> String {
    if url.starts_with("sqlite") {
        return url.to_owned();
    }
    let Ok(mut url) = Url::parse(url) else {
        return "the database".into();
    };
    if url.password().is_some() {
        // Fails for addresses without a host alone, which have no password.
        let _ = url.set_password(None);
    }
    url.set_query(None);
    url.to_string()
}

/// The reason without quoting the address.
fn address_fault(cause: &sqlx::Error) -> String {
    match cause {
        sqlx::Error::Configuration(reason) => reason.to_string(),
        _ => "it is malformed".into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn mysql(address: &Address) -> &MySqlConnectOptions {
        let Options::MySql(options) = &address.options else { panic!("{address} is no MySQL address") };
        options
    }

    #[test]
    fn the_original_credentials_file_is_read() {
        let address = Address::from_db_creds_yaml(
            "HOST: db.example.com\nUSER: project_user\nPASSWORD: ':t%@!/#x y'\nDATABASE: pinterest_data\nPORT: 3307\n",
        )
        .unwrap();
        assert_eq!(address.to_string(), "mysql://project_user@db.example.com:3307/pinterest_data");
        assert_eq!(mysql(&address).get_host(), "db.example.com");
        assert_eq!(mysql(&address).get_port(), 3307);
        assert_eq!(mysql(&address).get_database(), Some("pinterest_data"));
        let url = mysql(&address).to_url_lossy();
        assert_eq!(url.password(), Some("%3At%25%40%21%2F%23x%20y"));
    }

    #[test]
    fn numbers_and_texts_are_the_same() {
        let address =
            Address::from_db_creds_yaml("HOST: 1.2\nUSER: 7\nPASSWORD: 00123\nDATABASE: 5\nPORT: '3306'").unwrap();
        assert_eq!(address.to_string(), "mysql://7@1.2:3306/5");
        assert_eq!(mysql(&address).to_url_lossy().password(), Some("00123"), "leading zeros belong to the password");
        let address = Address::from_db_creds_yaml("HOST: h\nUSER: u\nPASSWORD: true\nDATABASE: d").unwrap();
        assert_eq!(mysql(&address).to_url_lossy().password(), Some("true"));
    }

    #[test]
    fn postgres_and_defaults() {
        let address =
            Address::from_db_creds_yaml("{HOST: h, USER: u, PASSWORD: p, DATABASE: d, DRIVER: postgres}").unwrap();
        assert_eq!(address.to_string(), "postgres://u@h:5432/d");
        assert!(matches!(address.options, Options::Postgres(_)));
    }

    #[test]
    fn broken_credentials_are_refused_without_showing_the_password() {
        for (text, said) in [
            ("HOST: h\nPASSWORD: s3cret\nDATABASE: d", "lacks `USER`"),
            ("HOST: h\nUSER: u\nPASSWORD: s3cret\nDATABASE: d\nPROT: 1", "unknown key `PROT`"),
            ("HOST: h\nUSER: u\nPASSWORD: s3cret\nDATABASE: d\nPORT: many", "`PORT` is `many`"),
            ("HOST: h\nUSER: u\nPASSWORD: s3cret\nDATABASE: d\nDRIVER: oracle", "`DRIVER` is `oracle`"),
            ("HOST: h\nPASSWORD: s3cret: [", "line 2 is not"),
            ("PASSWORD: [s3cret]", "line 1 is not"),
            ("s3cret", "line 1 is not"),
        ] {
            let error = Address::from_db_creds_yaml(text).unwrap_err();
            assert!(error.to_string().contains(said), "{text:?}: {error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?} shows the password");
        }
    }

    #[test]
    fn urls_of_all_databases_are_read_and_shown_without_their_password() {
        for (url, shown) in [
            ("sqlite://some/source.db", "sqlite://some/source.db"),
            ("mysql://u:s3cret@h:1/d", "mysql://u@h:1/d"),
            ("mariadb://u:s3cr%40et@h/d?ssl-mode=disabled", "mariadb://u@h/d"),
            ("postgres://u:s3cret@h/d?password=s3cret", "postgres://u@h/d"),
        ] {
            let address = Address::from_url(url).unwrap();
            assert_eq!(address.to_string(), shown);
            assert!(!format!("{address:?}").contains("s3cr"));
        }
        for url in ["", "source.db", "oracle://u:s3cret@h/d", "mysql://u:s3#cret@h:port/d", "postgres://u:s3cret@h:x/d"]
        {
            let error = Address::from_url(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("cret"), "{error:?} shows the password");
        }
    }

    #[test]
    fn a_sqlite_path_is_taken_as_it_is() {
        let Options::Sqlite(options) = Address::sqlite(Path::new("a%20b?c#d.db")).options else { panic!() };
        assert_eq!(options.get_filename(), Path::new("a%20b?c#d.db"));
    }
}

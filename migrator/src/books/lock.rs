//! The advisory locks that tools hold while they migrate.

use sluice_migration::Tool;

/// The keys of the locks that a tool may take in a database: one of them, by the way it was
/// started. None: it takes none that another program could take as well.
#[must_use]
pub fn locks_of(tool: Tool, database: &str) -> Vec<i64> {
    let sum = |text: &str| crc32fast::hash(text.as_bytes());
    match tool {
        // `generate_lock_id` of sqlx-postgres 0.8.
        Tool::Sqlx => vec![0x3d32_ad9e * i64::from(sum(database))],
        // `ADVISORY_LOCK` of Prisma's `sql-schema-connector`.
        Tool::Prisma => vec![72_707_369],
        // `GenerateAdvisoryLockId` of golang-migrate 4: schema, table and database. Started
        // with a URL, as its command line is, it takes the URL's path for the database's
        // name, with the slash (`Open` in `database/postgres/postgres.go`).
        Tool::GolangMigrate => ["/", ""]
            .iter()
            .map(|slash| sum(&format!("public\0schema_migrations\0{slash}{database}")))
            .map(|sum| i64::from(sum.wrapping_mul(1_486_364_155)))
            .collect(),
        Tool::Plain | Tool::Refinery | Tool::Flyway | Tool::Dbmate | Tool::Diesel => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_those_that_the_tools_take() {
        // Printed by `sqlx_postgres::migrate::generate_lock_id("sqlx")` (0.8.6) in spirit:
        // CRC-32/ISO-HDLC of "sqlx" times the tool's constant.
        assert_eq!(
            locks_of(Tool::Sqlx, "123456789"),
            [0x3d32_ad9e * 0xcbf4_3926]
        );
        assert_eq!(locks_of(Tool::Prisma, "any"), [72_707_369]);
        assert!(locks_of(Tool::Dbmate, "any").is_empty());
        // zlib's crc32 of "public\0schema_migrations\0/shop" and without the slash, times the
        // tool's salt, in 32 bits.
        assert_eq!(
            locks_of(Tool::GolangMigrate, "shop"),
            [2101699660, 3689236698]
        );
    }
}

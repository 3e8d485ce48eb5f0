//! The advisory locks that tools hold while they migrate.

use sluice_migration::Tool;

/// The key of the lock that a tool takes in a database. None: it takes none that another
/// program could take as well.
#[must_use]
pub fn lock_of(tool: Tool, database: &str) -> Option<i64> {
    let sum = |text: &str| crc32fast::hash(text.as_bytes());
    match tool {
        // `generate_lock_id` of sqlx-postgres 0.8.
        Tool::Sqlx => Some(0x3d32_ad9e * i64::from(sum(database))),
        // `ADVISORY_LOCK` of Prisma's `sql-schema-connector`.
        Tool::Prisma => Some(72_707_369),
        // `GenerateAdvisoryLockId` of golang-migrate 4: schema, table and database.
        Tool::GolangMigrate => {
            let names = format!("public\0schema_migrations\0{database}");
            Some(i64::from(sum(&names).wrapping_mul(1_486_364_155)))
        }
        Tool::Plain | Tool::Refinery | Tool::Flyway | Tool::Dbmate | Tool::Diesel => None,
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
            lock_of(Tool::Sqlx, "123456789"),
            Some(0x3d32_ad9e * 0xcbf4_3926)
        );
        assert_eq!(lock_of(Tool::Prisma, "any"), Some(72_707_369));
        assert_eq!(lock_of(Tool::Dbmate, "any"), None);
    }
}

//! `sluice migrate plan`: what applying migrations to a database would do.

use std::path::PathBuf;
use std::time::Duration;

use sluice_migration::{Tool, lint};
use sluice_migrator::apply::{Folder, Limits};
use sluice_migrator::plan::{Plan, plan};
use sluice_migrator::{Address, AddressError, Budget, Trust, connect};

use crate::error::{Error, Exit, Result};
use crate::migration_plan::lines;
use crate::migrations::Place;
use crate::paint::Output;

/// How long a question may take, and wait for whoever holds a table.
const QUESTION: Budget = Budget {
    lock: Duration::from_millis(500),
    statement: Duration::from_secs(30),
};

/// It only reads, and needs nothing of Sluice's in the database. How long statements take is
/// estimated from how large their tables are. Without a database, all is pending. Ends with
/// 0, and with 6 where something is refused: what `sluice migrate lint` refuses of files that
/// are not applied yet, what does not fit what was applied, what expands after what
/// contracts, and what takes longer than a call may.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder that migrations are in
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The database: postgres://USER:PASSWORD@HOST:PORT/DATABASE. TLS is verified;
    /// `?sslmode=disable` is for servers on this machine
    #[arg(
        long,
        env = "SLUICE_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database: Option<String>,
    /// Certificates of the authorities that may sign the server's, in PEM. As it stands,
    /// those of Amazon RDS
    #[arg(long, value_name = "FILE", requires = "database")]
    ca: Option<PathBuf>,
    /// Whose migrations they are: plain, sqlx, refinery, flyway, prisma, dbmate,
    /// golang-migrate or diesel. As it stands, what names and contents tell
    #[arg(long, value_name = "TOOL")]
    tool: Option<Tool>,
    /// Files that contract beside those that say so, with `*` for any characters
    #[arg(long, value_name = "GLOB")]
    contract: Vec<String>,
}

impl Args {
    pub(super) async fn run(self, output: &Output) -> Result<Exit> {
        if !self.folder.is_dir() {
            let message = format!(
                "{} is no folder; expected the one that all migrations are in",
                self.folder.display()
            );
            return Err(Error::Usage(message));
        }
        let place = Place::Folder(self.folder.clone());
        let plan = self.plan(&place).await?;
        output.answer(&plan, |style| lines(&plan, &place, style))?;
        Ok(if plan.refused.is_empty() {
            Exit::Ok
        } else {
            Exit::Refused
        })
    }

    async fn plan(&self, place: &Place) -> Result<Plan> {
        let reading = place.read(self.tool, self.contract.clone())?;
        let lint = lint(&reading);
        let folder = match Folder::new(reading, &lint) {
            Ok(folder) => folder,
            Err(refused) => return Ok(Plan::of_nobody(refused)),
        };
        let limits = Limits::default();
        let Some(url) = &self.database else {
            return Ok(Plan::of_nothing(&folder, &lint, limits));
        };
        let address: Address = url
            .parse()
            .map_err(|error: AddressError| Error::Usage(format!("--database: {error}")))?;
        let trust = self.trust()?;
        let session = connect(&address, &trust, QUESTION).await?;
        // A release would be refused there.
        session.refuse_pooler(&address, &trust).await?;
        Ok(plan(&session, &folder, &lint, limits).await?)
    }

    fn trust(&self) -> Result<Trust> {
        let Some(path) = &self.ca else {
            return Ok(Trust::Rds);
        };
        let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
        Ok(Trust::Pem(text))
    }
}

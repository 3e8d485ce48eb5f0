//! A bundle's migrations, and a way into a database.

use std::time::{Duration, Instant};

use sluice_domain::digest::Digest;
use sluice_domain::migrations::{Brought, CopyPlace, Database, Request};
use sluice_migration::{LONGEST_ZIP, Lint, read_archive};
use sluice_migrator::apply::{Folder, Limits};
use sluice_migrator::{Address, Session, Trust};

use crate::{Archives, Error, Keys, Migrate, brought, door};

/// What a call leaves to Lambda: to roll back what was ended, and to answer.
const ANSWER: Duration = Duration::from_secs(20);

/// A bundle's migrations and a way into the database.
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) folder: Folder,
    pub(crate) lint: Lint,
}

/// Which server of a database is gone to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Server<'a> {
    /// The one that the settings name.
    Own,
    /// One beside it that opens like it and that Sluice found: a copy, or the one of before.
    Beside(&'a CopyPlace),
    /// A copy, where a function of the team's says that it is.
    Told(&'a CopyPlace),
}

impl<A: Archives, K: Keys> Migrate<A, K> {
    /// Reads the bundle's migrations, and opens a session. `look` makes sure that it goes
    /// to the server itself.
    pub(crate) async fn open(
        &self,
        request: &Request,
        server: Server<'_>,
        look: bool,
    ) -> Result<Opened, Error> {
        let (folder, lint) = self.read(brought(request)?).await?;
        Ok(Opened {
            session: self.session_at(request, server, look).await?,
            folder,
            lint,
        })
    }

    /// Opens a session. `look` makes sure that it goes to the server itself.
    pub(crate) async fn session(&self, request: &Request, look: bool) -> Result<Session, Error> {
        self.session_at(request, Server::Own, look).await
    }

    /// The same, at this server.
    pub(crate) async fn session_at(
        &self,
        request: &Request,
        server: Server<'_>,
        look: bool,
    ) -> Result<Session, Error> {
        let (address, trust) = self.way(request, server).await?;
        self.enter(request, (&address, &trust), look).await
    }

    /// Where a server is, and whom those who ask there trust. Nobody is asked there yet.
    pub(crate) async fn way(
        &self,
        request: &Request,
        server: Server<'_>,
    ) -> Result<(Address, Trust), Error> {
        door::open(&self.keys, &self.hosts, &request.database, server).await
    }

    /// Opens a session there. `look` makes sure that it goes to the server itself.
    pub(crate) async fn enter(
        &self,
        request: &Request,
        (address, trust): (&Address, &Trust),
        look: bool,
    ) -> Result<Session, Error> {
        let limits = self.limits(&request.database);
        let session = sluice_migrator::connect(address, trust, limits.budget).await?;
        if look {
            session.refuse_pooler(address, trust).await?;
        }
        Ok(session)
    }

    pub(crate) async fn read(&self, brought: &Brought) -> Result<(Folder, Lint), Error> {
        let Brought {
            archive: place,
            migrations,
        } = brought;
        let bytes = self.archives.read(place, LONGEST_ZIP).await?;
        let found = Digest::of(&bytes);
        if found != place.digest {
            return Err(Error::Changed {
                key: place.key.clone(),
                found,
                expected: place.digest.clone(),
            });
        }
        let reading = read_archive(&place.key, &bytes, migrations).map_err(Error::Archive)?;
        let lint = sluice_migration::lint(&reading);
        let folder = Folder::new(reading, &lint).map_err(Error::Refused)?;
        Ok((folder, lint))
    }

    /// How long things may take: as the settings say, and no longer than the call lasts from
    /// here on.
    pub(crate) fn limits(&self, database: &Database) -> Limits {
        let left = self.until.saturating_duration_since(Instant::now());
        door::limits(database, left.saturating_sub(ANSWER))
    }
}

//! Whether two sessions go to one server.

use sluice_migration::Tool;
use sluice_postgres::Ending;

use crate::bench::Bench;

impl Bench {
    async fn identity(&self) -> String {
        let session = self.session().await;
        session.identity().await.expect("an identity")
    }

    /// What a physical copy has in common with its original.
    async fn files(&self) -> String {
        let asked = "SELECT system_identifier::text FROM pg_control_system()";
        let row = self.client().await.query_one(asked, &[]).await;
        row.expect("an answer").get(0)
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_runs_is_one_server_and_what_was_started_on_the_same_files_is_another() {
    let mut bench = Bench::on_own_server(Tool::Plain, &[]);
    let (first, files) = (bench.identity().await, bench.files().await);
    assert_eq!(bench.identity().await, first, "another session");
    for ending in [Ending::Fast, Ending::Crash] {
        bench.restart(ending);
        assert_ne!(bench.identity().await, first, "{ending:?}");
        assert_eq!(bench.files().await, files, "{ending:?}");
    }
}
